const net = require('net');
const readline = require('readline');

net.createServer(socket => {
  const rl = readline.createInterface({ input: socket, crlfDelay: Infinity });
  rl.on('line', line => socket.write(`${line}\n`));
}).listen(7007, '127.0.0.1');
