const net = require('net');
const s = net.connect(5656, '127.0.0.1', () => s.write('hello again'));
s.once('data', (d) => { if (String(d) !== 'hello again') process.exitCode = 1; s.end(); });
