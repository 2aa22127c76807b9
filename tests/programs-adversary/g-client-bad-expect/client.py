import socket,sys
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"hello\n"); d=c.recv(100)
if d!=b"hello": print("wrong answer",d,file=sys.stderr); sys.exit(1)
