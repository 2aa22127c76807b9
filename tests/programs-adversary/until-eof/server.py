import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept(); b=b""
    while d:=c.recv(100): b+=d
    c.sendall(b); c.close()
