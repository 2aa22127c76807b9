import socket, os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept()
    if os.fork()==0:
        s.close()
        while d:=c.recv(1024): c.sendall(d)
        os._exit(0)
    c.close()
