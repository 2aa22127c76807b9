const dgram = require('dgram');
const server = dgram.createSocket('udp4');

server.on('message', (msg, rinfo) => {
  console.log(`${rinfo.port}: ${msg}`);
  server.send(msg, rinfo.port, rinfo.address);
});
server.bind(12345, '127.0.0.1');
