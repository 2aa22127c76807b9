const net = require('net');

const client = net.createConnection({ port: 12345, host: '127.0.0.1' }, () => {
  client.write('hello there\r\n');
});
let got = '';
client.on('data', (d) => {
  got += d;
  if (got.endsWith('\n')) {
    console.log(got.trim());
    client.end();
  }
});
