import socket
c = socket.create_connection(("127.0.0.1", 12345), timeout=8)
c.sendall(b"no hurry\n")
print(c.recv(100))
c.close()
