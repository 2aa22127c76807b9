import socket
s = socket.socket()
s.connect(("127.0.0.1", 12345))
message = "hello"
s.send(message)
print(s.recv(1024).decode())
