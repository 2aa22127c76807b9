import socket, threading, time

s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
def serve(c):
    r=c.makefile("rb"); w=c.makefile("wb",0); n=0
    for line in r:
        n+=1
        if n!=3: w.write(line)
    c.close()
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
