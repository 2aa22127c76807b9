const net = require('net');
net.createServer(s => s.pipe(s).on('error', () => {})).listen(12345, '127.0.0.1');
