import socket
c=socket.create_connection(("127.0.0.1",12345)); w=c.makefile("w"); r=c.makefile("r")
w.write("hello\n"); print(r.readline())
