const net = require('net');
net.createServer(function (c) {
  c.on('error', () => {});
  c.pipe(c);
}).listen(12345, '127.0.0.1');
