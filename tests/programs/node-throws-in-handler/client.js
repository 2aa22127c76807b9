const net = require('net');
const c = net.connect(12345, '127.0.0.1', () => c.write('hello\n'));
c.on('data', d => { console.log(`${d}`); c.end(); });
c.on('error', e => console.log(e.code));
