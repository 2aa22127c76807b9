const net=require("net");
net.createServer(c=>{ c.on("data",d=>c.write(d)); c.on("error",()=>{}); }).listen(12345,"127.0.0.1");
setInterval(()=>{},1000);
