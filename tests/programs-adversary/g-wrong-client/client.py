import socket
a=socket.create_connection(("127.0.0.1",12345)); b=socket.create_connection(("127.0.0.1",12345))
a.settimeout(2); b.settimeout(2)
a.sendall(b"from a\n"); b.sendall(b"from b\n")
print(b.recv(100)); print(a.recv(100))
