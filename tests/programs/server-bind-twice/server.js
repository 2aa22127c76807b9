const net = require('net');
const handler = s => s.on('data', d => s.write(d));
for (const host of ['127.0.0.1', '127.0.0.1']) {
  net.createServer(handler).listen(12345, host);
}
