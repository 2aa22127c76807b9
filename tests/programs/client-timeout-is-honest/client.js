const net = require('net');
const s = net.createConnection({ port: 12345, host: '127.0.0.1' });
s.setTimeout(2000);
s.write('hello\n');
s.on('data', d => { console.log(d.toString()); s.end(); });
s.on('timeout', () => { console.error('no answer within 2 s'); s.destroy(); process.exitCode = 1; });
