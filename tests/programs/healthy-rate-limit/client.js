const net = require('net');
const readline = require('readline');
const socket = net.connect(12345, '127.0.0.1');
const sent = Array.from({ length: 8 }, (_, i) => `line ${i}`);
const got = [];
socket.write(sent.map((l) => l + '\n').join(''));
readline.createInterface({ input: socket }).on('line', (line) => {
  got.push(line);
  console.log(line);
  if (got.length === sent.length) socket.end();
});
socket.on('close', () => process.exit(got.join() === sent.join() ? 0 : 1));
