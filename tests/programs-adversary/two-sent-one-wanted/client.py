import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"one\n"); c.sendall(b"two\n"); print(c.recv(100)); c.close()
