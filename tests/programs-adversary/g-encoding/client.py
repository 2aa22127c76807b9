import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall("gr\u00fc\u00df dich\n".encode()); print(c.recv(100))
