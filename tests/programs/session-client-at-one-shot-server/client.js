const net = require('net');
const c = net.connect(12345, '127.0.0.1');
const todo = ['first\n', 'second\n'];
let answers = 0;
c.write(todo.shift());
c.on('data', d => {
  process.stdout.write(d);
  answers++;
  if (todo.length) c.write(todo.shift()); else c.end();
});
c.on('error', e => console.error(e.code));
c.on('close', () => { process.exitCode = answers === 2 ? 0 : 1; });
