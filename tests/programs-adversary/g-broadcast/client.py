import socket
a=socket.create_connection(("127.0.0.1",12345)); b=socket.create_connection(("127.0.0.1",12345))
a.settimeout(2); b.settimeout(2)
a.sendall(b"from a\n"); assert a.recv(100)==b"from a\n"; b.sendall(b"from b\n")
x=b.recv(100); print(x); assert x==b"from b\n",x
