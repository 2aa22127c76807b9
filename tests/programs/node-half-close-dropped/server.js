const net = require('net');
net.createServer(socket => {
  let body = '';
  socket.on('data', d => body += d);
  socket.on('end', () => {
    setTimeout(() => socket.write(body), 50);
  });
  socket.on('error', e => console.error(e.message));
}).listen(12345, '127.0.0.1');
