const dgram = require('dgram');
const s = dgram.createSocket('udp4');
const buf = Buffer.alloc(16);
s.on('message', (msg, r) => {
  const n = msg.copy(buf);
  s.send(buf.subarray(0, n), r.port, r.address);
});
s.bind(12345, '127.0.0.1');
