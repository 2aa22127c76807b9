import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"one\n"); print(c.recv(100)); c.sendall(b"quit\n"); c.close()
