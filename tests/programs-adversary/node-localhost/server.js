const net=require("net");
net.createServer(c=>{ c.on("data",d=>c.write(d)); c.on("error",()=>{}); }).listen(12345);
setInterval(()=>{},1000);
