import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.setblocking(False)
s.send(b"hello")
reply = s.recv(1024)
print(reply)
