import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept(); f=c.makefile("rwb")
    if f.readline().strip()!=b"LOGIN me": c.close(); continue
    f.write(b"OK\n"); f.flush()
    for l in f: f.write(l); f.flush()
    f.close(); c.close()
