import socket,threading
c=socket.create_connection(("127.0.0.1",12345)); f=c.makefile("rb")
def send():
    for i in range(500): c.sendall(b"msg %d\n"%i)
t=threading.Thread(target=send); t.start(); t.join()
for i in range(500): assert f.readline()==b"msg %d\n"%i
c.close()
