const cluster=require("cluster"), net=require("net");
if(cluster.isPrimary){ for(let i=0;i<2;i++) cluster.fork(); }
else net.createServer(c=>{c.pipe(c);c.on("error",()=>{})}).listen(12345);
