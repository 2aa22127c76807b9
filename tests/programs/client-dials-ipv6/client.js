const net = require('net');
const s = net.connect({ host: '::1', port: 12345 }, () => s.end('hello\n'));
s.on('data', d => process.stdout.write(d));
s.on('error', e => { console.error('error:', e.message); process.exitCode = 1; });
