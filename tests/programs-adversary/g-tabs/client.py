import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"a  b\tc\n"); print(c.recv(100))
