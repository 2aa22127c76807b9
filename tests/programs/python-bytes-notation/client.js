const net = require('net');
const assert = require('assert');
const s = net.connect(12345, '127.0.0.1');
s.setEncoding('utf8');
s.on('connect', () => s.write('hello echo\n'));
s.on('data', (text) => {
  assert.strictEqual(text, 'hello echo\n');
  s.end();
});
