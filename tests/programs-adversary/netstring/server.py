import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept(); f=c.makefile("rwb")
    while True:
        n=b""
        while (ch:=f.read(1)) not in (b":",b""): n+=ch
        if not n: break
        d=f.read(int(n)); f.read(1)
        f.write(n+b":"+d+b","); f.flush()
    c.close()
