import socket
c = socket.create_connection(("127.0.0.1", 12345))
c.sendall("hello\n".encode())
print(c.recv(4096).decode())
