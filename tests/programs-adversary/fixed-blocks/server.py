import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept(); f=c.makefile("rwb")
    while len(b:=f.read(32))==32: f.write(b); f.flush()
    c.close()
