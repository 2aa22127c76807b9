import socket
c=socket.create_connection(("127.0.0.1", 12345)); f=c.makefile("rwb")
for m in (b"hello",b"brave new world"):
    f.write(b"%d:%s,"%(len(m),m)); f.flush()
    print(f.read(len(m)+len(str(len(m)))+2))
c.close()
