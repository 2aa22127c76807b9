const net=require("net");
const c=net.connect(12345,"127.0.0.1"); c.end("hello\n"); c.on("data",d=>console.log(String(d))); c.on("end",()=>console.log("end"));
