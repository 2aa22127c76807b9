const net = require('net');
net.createServer(c => {
  c.once('data', d => c.end(d));
  c.on('error', () => {});
}).listen(12345, '127.0.0.1');
