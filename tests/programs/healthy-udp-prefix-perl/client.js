const dgram = require('dgram');
const s = dgram.createSocket('udp4');
const words = ['red', 'green', 'blue'];
s.on('message', m => {
  console.log(String(m));
  if (words.length) s.send(words.shift(), 12345, '127.0.0.1');
  else s.close();
});
s.send(words.shift(), 12345, '127.0.0.1');
