const net = require('net');
net.createServer(s => s.pipe(s)).listen(12345);
