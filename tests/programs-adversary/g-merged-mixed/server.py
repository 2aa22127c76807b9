import socket, threading
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
buf=b""
def serve(c):
    global buf
    while True:
        d=c.recv(3)
        if not d: break
        buf+=d
        if b"\n" in buf: l,buf=buf.split(b"\n",1); c.sendall(l+b"\n")
while True:
    c, _ = s.accept(); threading.Thread(target=serve,args=(c,),daemon=True).start()
