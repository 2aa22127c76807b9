const s = require('net').connect(12345, '127.0.0.1');
s.write('hello\n');
s.on('data', d => { console.log(d.toString().trim()); s.end(); });
