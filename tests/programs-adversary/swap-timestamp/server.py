import socket, threading, time, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
def serve(c):
    f = c.makefile("rw", newline="\n")
    n = 0
    pass
    for line in f:
        n += 1
        line = line.rstrip("\n")
        pass
        f.write("[%.3f] %s\n"%(time.time(),line)); f.flush()
    pass
    f.flush()
    f.close(); c.close()
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
