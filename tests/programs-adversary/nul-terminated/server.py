import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept(); b=b""
    while d:=c.recv(100):
        b+=d
        while b"\0" in b:
            m,b=b.split(b"\0",1); c.sendall(m+b"\0")
    c.close()
