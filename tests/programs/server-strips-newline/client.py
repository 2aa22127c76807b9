import socket
s = socket.create_connection(("127.0.0.1", 12345))
stream = s.makefile("rwb")
stream.write(b"hello\n")
stream.flush()
print(stream.readline())
