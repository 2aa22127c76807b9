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
        while h:=exact(c,2):
            n,=struct.unpack("<H",h)
            b=exact(c,n)
            if b is None: return
            c.sendall(h+b)
while True:
    c, _ = s.accept()
    threading.Thread(target=serve,args=(c,),daemon=True).start()
