import socket
c=socket.create_connection(("127.0.0.1",12345)); f=c.makefile("rwb")
f.write(b"LOGIN me\n"); f.flush(); assert f.readline()==b"OK\n"
f.write(b"hello\n"); f.flush(); assert f.readline()==b"hello\n"
