import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"hello\nworld\n")
reply = b""
while chunk := s.recv(4096):
    reply += chunk
print(reply)
