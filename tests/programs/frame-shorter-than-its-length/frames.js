const net = require('net');
const sock = net.connect(12345, '127.0.0.1');
let held = Buffer.alloc(0);
const say = (text) => sock.write(`${Buffer.byteLength(text)}\n${text}`);
const words = ['lemon', 'orange peel'];
sock.on('connect', () => say(words[0]));
sock.on('data', (d) => {
  held = Buffer.concat([held, d]);
  const at = held.indexOf('\n');
  if (at < 0) return;
  const n = Number(held.subarray(0, at).toString());
  if (held.length < at + 1 + n) return;
  const text = held.subarray(at + 1, at + 1 + n).toString();
  held = held.subarray(at + 1 + n);
  console.log('echo:', text);
  words.shift();
  if (words.length) say(words[0]); else sock.end();
});
