const net = require('net');
const { Session } = require('./lib/session');

function reply(session, text) { session.sock.write(text + '\n'); }

function remember(session, line) {
  const previous = session.last || line;
  session.last = line;
  session.count += 1;
  return previous;
}

const server = net.createServer((sock) => {
  const session = new Session(sock);
  sock.setEncoding('utf8');
  sock.on('data', (chunk) => {
    for (const line of session.lines(chunk)) {
      const previous = remember(session, line);
      if (session.count > 100) return sock.end();
      reply(session, previous);
    }
  });
  sock.on('error', (err) => console.error(err.message));
});
server.listen(12345, '127.0.0.1', () => console.log('echo on 12345'));
