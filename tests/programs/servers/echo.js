// Echoes every chunk as it comes.
const net = require('net');
net.createServer((socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(Number(process.argv[2]), '127.0.0.1');
