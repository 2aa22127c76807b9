const net = require('net');
const rooms = { lobby: [] };
net.createServer(socket => {
  socket.on('data', data => {
    const room = String(data).trim();
    rooms[room].push(socket);
    socket.write(data);
  });
}).listen(12345, '127.0.0.1');
