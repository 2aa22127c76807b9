import socket
c=socket.create_connection(("127.0.0.1",12345)); f=c.makefile("rwb")
f.write(b"one\n"); f.flush(); print(f.readline()); print(f.readline()); c.close()
