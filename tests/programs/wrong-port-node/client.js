const net = require('net');
const PORT = process.env.PORT || 1234;
const c = net.createConnection(PORT, '127.0.0.1');
c.on('connect', () => c.write('hello\n'));
c.on('data', d => { console.log(String(d)); c.end(); });
