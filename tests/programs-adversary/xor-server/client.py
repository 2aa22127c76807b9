import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"hello"); assert bytes(b^1 for b in c.recv(100))==b"hello"
