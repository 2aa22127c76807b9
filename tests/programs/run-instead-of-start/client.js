const net = require('net');
const c = net.connect(12345, '127.0.0.1');
let n = 0;
c.write('tick\n');
c.on('data', d => {
  process.stdout.write(d);
  if (++n === 4) c.end();
  else setTimeout(() => c.write('tick\n'), 500);
});
