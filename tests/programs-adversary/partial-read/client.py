import socket
c=socket.create_connection(("127.0.0.1", 12345))
c.sendall(b"A"*5000+b"\n"); print(c.recv(10)); c.close()
