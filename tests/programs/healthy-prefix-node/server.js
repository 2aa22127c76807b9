const net = require('net');

const server = net.createServer((socket) => {
  socket.on('data', (data) => {
    socket.write('Echo : ' + data);
  });
  socket.on('error', (err) => console.log(err.message));
});

server.listen(12345, '127.0.0.1', () => console.log('listening'));
