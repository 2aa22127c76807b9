import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(1)
c, _ = s.accept()
while d:=c.recv(1024): c.sendall(d)
c.close(); s.close(); sys.exit(1)
