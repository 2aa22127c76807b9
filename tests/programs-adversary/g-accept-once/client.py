import socket
for i in range(2):
    c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"hello\n"); print(c.recv(100)); c.close()
