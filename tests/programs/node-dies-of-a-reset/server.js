const net = require('net');
const server = net.createServer(conn => {
  conn.on('data', d => conn.write(d));
  conn.on('end', () => console.log('bye'));
});
server.listen(12345, '127.0.0.1');
