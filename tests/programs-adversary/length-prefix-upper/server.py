import socket, struct, threading
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
def exact(c,n):
    b=b""
    while len(b)<n:
        d=c.recv(n-len(b))
        if not d: return None
        b+=d
    return b
def serve(c):
    with c:
        while h:=exact(c,4):
            n,=struct.unpack(">I",h)
            b=exact(c,n)
            if b is None: return
            r=b"OK "+b; c.sendall(struct.pack(">I",len(r))+r)
while True:
    c, _ = s.accept()
    threading.Thread(target=serve,args=(c,),daemon=True).start()
