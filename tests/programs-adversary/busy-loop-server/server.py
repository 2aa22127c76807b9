import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept()
    while d:=c.recv(1000):
        x=0
        for i in range(20_000_000): x+=i
        c.sendall(d)
    c.close()
