import socket

MESSAGE = "The quick brown fox jumps over the lazy dog\n"
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(MESSAGE.encode())
reply = s.recv(16)
print("Reply:", reply.decode())
s.close()
