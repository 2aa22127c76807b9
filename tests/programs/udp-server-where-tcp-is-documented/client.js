const net = require('net');
const c = net.connect(12345, '127.0.0.1');
c.on('connect', () => c.write('hello\n'));
c.on('data', d => { console.log(d.toString()); c.destroy(); });
c.on('error', e => console.log('failed', e.code));
