import socket,sys
with socket.create_connection(("127.0.0.1", 12345)) as c:
    f = c.makefile("rb")
    f.readline()
    for w in (b"one", b"two"):
        c.sendall(w+b"\n"); l=f.readline()
        if not l.startswith(b"{"): print("not what I expect:",l,file=sys.stderr); sys.exit(1)
