import socket
c=socket.create_connection(("127.0.0.1",12345)); c.settimeout(1)
c.sendall(b"a\n"); print(c.recv(100)); c.sendall(b"\n"); print(c.recv(100))
