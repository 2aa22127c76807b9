const net = require('net');
const socket = net.connect(12345, '127.0.0.1', () => {
  socket.write('hello\n', () => process.exit(0));
});
socket.on('data', d => console.log('echo:', d.toString()));
