import socket
import struct
s = socket.create_connection(("127.0.0.1", 12345))
body = b"hello"
s.sendall(struct.pack("I", len(body)) + body)
head = s.recv(4)
print(s.recv(struct.unpack("I", head)[0]))
