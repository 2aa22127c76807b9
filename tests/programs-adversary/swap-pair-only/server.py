import socket,os
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
c,_=s.accept(); f=c.makefile("rwb")
for i in range(3): f.write(b"%d:"%i+f.readline()); f.flush()
f.close(); c.close()
