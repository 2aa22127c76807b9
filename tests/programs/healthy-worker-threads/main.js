const { Worker, isMainThread, parentPort } = require('worker_threads');
if (!isMainThread) {
  const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
  parentPort.on('message', ({ id, n }) => parentPort.postMessage({ id, value: fib(n) }));
} else {
  const net = require('net');
  const worker = new Worker(__filename);
  const asked = new Map();
  let ids = 0;
  worker.on('message', ({ id, value }) => { const sock = asked.get(id); asked.delete(id); if (!sock.destroyed) sock.write(`fib ${value}\n`); });
  net.createServer((sock) => {
    let rest = '';
    sock.on('error', () => {});
    sock.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const n = parseInt(line, 10);
        if (!(n >= 0 && n <= 27)) { sock.write('not between 0 and 27\n'); continue; }
        asked.set(++ids, sock);
        worker.postMessage({ id: ids, n });
      }
    });
  }).listen(5454);
}
