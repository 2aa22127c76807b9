const net = require('net');
// at most ten lines in a second for each client: what is above waits in a queue
class Bucket {
  constructor(perSecond) { this.gap = 1000 / perSecond; this.next = 0; }
  wait() {
    const now = Date.now();
    const at = Math.max(now, this.next);
    this.next = at + this.gap;
    return at - now;
  }
}
net.createServer((socket) => {
  const bucket = new Bucket(10);
  let rest = '';
  let chain = Promise.resolve();
  socket.setEncoding('latin1');
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      chain = chain.then(() => new Promise((done) => setTimeout(done, bucket.wait())))
        .then(() => socket.write(line + '\n', 'latin1'));
    }
  });
  socket.on('end', () => chain.then(() => socket.end()));
  socket.on('error', () => socket.destroy());
}).listen(12345, '127.0.0.1');
