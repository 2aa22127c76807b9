const net = require("net");
net.createServer((socket) => socket.on("data", (data) => socket.write("ECHO: " + data))).listen(9999, "127.0.0.1");
