import socket
c=socket.create_connection(("127.0.0.1",12345)); N=80_000_000
c.sendall(b"x"*N); n=0
while n<N: n+=len(c.recv(1<<20))
print("ok")
