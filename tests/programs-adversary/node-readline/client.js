const net=require("net");
const c=net.connect(12345,"127.0.0.1",()=>c.write("hello\n"));
let n=0;
c.on("data",d=>{ console.log(String(d)); if(++n<3) c.write("m"+n+"\n"); else c.end(); });
