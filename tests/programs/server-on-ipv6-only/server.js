const net = require('net');
const server = net.createServer(s => s.pipe(s));
server.listen(12345, '::1', () => console.log('up at', server.address()));
