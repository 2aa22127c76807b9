import socket,threading
c=socket.create_connection(("127.0.0.1",12345)); N=10*1000*1000
f=c.makefile("rb")
threading.Thread(target=lambda: c.sendall(b"a"*N+b"\n")).start()
assert len(f.readline())==N+1; c.close()
