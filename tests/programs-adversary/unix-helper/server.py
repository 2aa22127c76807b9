import socket,os,threading,time
a,b=socket.socketpair()
def work():
    while d:=b.recv(1000): time.sleep(2); b.sendall(d)
threading.Thread(target=work,daemon=True).start()
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
while True:
    c, _ = s.accept()
    while d:=c.recv(1000): a.sendall(d); c.sendall(a.recv(1000))
    c.close()
