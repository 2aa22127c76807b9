const net = require('net');
net.createServer(s => { s.on('data', b => s.write(b)); s.on('error', () => {}); }).listen(12345, '127.0.0.1');
