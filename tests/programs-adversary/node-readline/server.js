const net=require("net"), rl=require("readline");
net.createServer(c=>{ const r=rl.createInterface({input:c}); r.on("line",l=>{ setTimeout(()=>c.write("echo "+l+"\r\n"),300); }); c.on("error",()=>{}); }).listen(12345);
