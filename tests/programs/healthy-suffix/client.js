const net = require('net');
const readline = require('readline');
const sock = net.connect(12345, '127.0.0.1');
const words = ['red', 'green', 'blue'];
const rl = readline.createInterface({ input: sock });
sock.write(words.shift() + '\n');
rl.on('line', (l) => {
  console.log(l);
  if (words.length) sock.write(words.shift() + '\n');
  else sock.end();
});
