const net = require('net');
net.createServer(c => {
  c.setNoDelay(true);
  c.on('data', d => { for (const b of d) c.write(Buffer.from([b])); });
  c.on('error', () => {});
}).listen(12345, '127.0.0.1');
