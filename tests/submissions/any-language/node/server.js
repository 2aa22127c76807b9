const net = require("net");

const server = net.createServer((socket) => {
  let rest = Buffer.alloc(0);
  socket.on("data", (data) => {
    rest = Buffer.concat([rest, data]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      socket.write(Buffer.concat([Buffer.from("Echo : "), rest.subarray(0, end + 1)]));
      rest = rest.subarray(end + 1);
    }
  });
  socket.on("error", (error) => console.error(error.message));
});
server.listen(5000, "127.0.0.1");
