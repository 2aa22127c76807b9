import socket, struct
c=socket.create_connection(("127.0.0.1",12345)); f=c.makefile("rwb")
m=b"hello there"; f.write(struct.pack(">I",len(m))+m); f.flush()
n,=struct.unpack(">I",f.read(4)); assert f.read(n)==b"OK "+m
