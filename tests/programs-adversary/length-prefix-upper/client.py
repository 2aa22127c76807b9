import socket, struct
def exact(c,n):
    b=b""
    while len(b)<n:
        d=c.recv(n-len(b))
        if not d: raise SystemExit("eof")
        b+=d
    return b
with socket.create_connection(("127.0.0.1", 12345)) as c:
    for m in (b"hello", b"\x00\xff\n\n", b"x"*5000):
        c.sendall(struct.pack(">I",len(m))+m)
        n,=struct.unpack(">I",exact(c,4)); assert exact(c,n)==b"OK "+m
print("ok")
