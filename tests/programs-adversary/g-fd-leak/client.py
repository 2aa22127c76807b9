import socket
for i in range(20):
    c=socket.create_connection(("127.0.0.1",12345)); c.settimeout(2); c.sendall(b"hello\n"); print(c.recv(100)); c.close()
