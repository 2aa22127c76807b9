import socket
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rw")
f.write("hello")
f.flush()
print(f.readline())
