import socket
c=socket.create_connection(("127.0.0.1",12345)); f=c.makefile("rwb")
for i in range(3):
    f.write(b"m\n"); f.flush(); assert f.readline()==b"%d:m\n"%i
