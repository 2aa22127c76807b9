const net = require('net');
const c = net.connect({ port: 12345, host: '127.0.0.1' });
c.on('connect', () => c.write('hello, anybody?\n'));
c.on('data', d => { console.log(d.toString()); c.end(); });
