const net = require('net');
const server = net.createServer(socket => {
  socket.on('date', chunk => {
    socket.write(chunk);
  });
});
server.listen(12345, '127.0.0.1');
