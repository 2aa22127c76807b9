import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"hello\n")
d = s.recv(100)
if not d:
    print("server closed the connection")
