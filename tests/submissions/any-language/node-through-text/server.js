const net = require("net");

net.createServer((socket) => {
  socket.setEncoding("utf8");
  socket.on("data", (text) => socket.write("Echo : " + text));
}).listen(5000, "127.0.0.1");
