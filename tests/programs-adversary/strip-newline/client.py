import socket
with socket.create_connection(("127.0.0.1", 12345)) as c:
    c.sendall(b"hello\n"); print(c.recv(1024)); c.sendall(b"again\n"); print(c.recv(1024))
