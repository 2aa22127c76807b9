const net = require('net');
net.createServer(socket => {
  socket.setEncoding('utf8');
  socket.on('data', text => {
    console.log('received', text.length);
    socket.write(text);
  });
}).listen(12345, '127.0.0.1');
