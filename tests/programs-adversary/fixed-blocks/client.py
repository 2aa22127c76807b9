import socket
c=socket.create_connection(("127.0.0.1", 12345)); f=c.makefile("rwb")
for m in (b"hello",b"world"):
    f.write(m.ljust(32)); f.flush(); print(f.read(32))
c.close()
