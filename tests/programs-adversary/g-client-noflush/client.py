import socket
c=socket.create_connection(("127.0.0.1",12345)); f=c.makefile("rw")
f.write("hello\n"); print(f.readline())
