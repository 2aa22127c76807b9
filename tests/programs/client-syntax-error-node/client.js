const net = require('net');

const words = process.argv.slice(2).join(' ') || 'good day';
const talk = net.connect({ port: 12345, host: '127.0.0.1' }, () => {
  talk.write(`${words}\n`;
});
talk.on('data', text => { process.stdout.write(text); talk.end(); });
