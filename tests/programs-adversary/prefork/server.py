import socket, os
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
for _ in range(3):
    if os.fork()==0:
        while True:
            c,_=s.accept()
            while d:=c.recv(1024): c.sendall(d)
            c.close()
os.wait()
