import socket, struct, threading
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept(); f=c.makefile("rwb")
    while h:=f.read(4):
        b=b"OK "+f.read(struct.unpack(">I",h)[0]); f.write(struct.pack(">I",len(b))+b); f.flush()
