const net = require('net');
net.createServer(s => {
  s.on('data', d => setTimeout(() => s.write(d), 150));
  s.on('error', () => {});
}).listen(12345, '127.0.0.1');
