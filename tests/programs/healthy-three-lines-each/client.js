const net = require('net');
const readline = require('readline');
const todo = Array.from({ length: 7 }, (_, i) => `item ${i}`);
function visit() {
  const s = net.connect(12345, '127.0.0.1');
  const rl = readline.createInterface({ input: s });
  let waiting = null;
  const next = () => { if (!todo.length) { s.end(); return; } waiting = todo[0]; s.write(waiting + '\n'); };
  s.on('connect', next);
  rl.on('line', (l) => { if (l !== waiting) process.exit(1); console.log(l); todo.shift(); waiting = null; setTimeout(() => { if (!s.destroyed && !s.readableEnded) next(); }, 20); });
  s.on('close', () => { if (todo.length) visit(); });
  s.on('error', () => {});
}
visit();
