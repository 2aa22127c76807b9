const net = require('net');

const client = new net.Socket();
client.connect(12345, '127.0.0.1', function () {
  client.write('Hello, server! Love, Client.');
});
client.on('data', function (data) {
  console.log('Received: ' + data);
  client.destroy();
});
client.on('close', () => console.log('Connection closed'));
