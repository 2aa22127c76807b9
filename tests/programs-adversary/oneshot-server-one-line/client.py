import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"Hello, world"); print(c.recv(1024)); c.close()
