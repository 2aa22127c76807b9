const net = require('node:net');

const server = net.createServer({ allowHalfOpen: true }, sock => {
  const parts = [];
  sock.on('data', p => parts.push(p));
  sock.on('end', () => {
    setTimeout(() => sock.end(Buffer.concat(parts)), 100);
  });
});
server.listen({ port: 12345, host: '127.0.0.1' });
