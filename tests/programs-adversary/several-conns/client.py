import socket
cs=[socket.create_connection(("127.0.0.1",12345)) for _ in range(20)]
for i,c in enumerate(cs): c.sendall(b"m%d\n"%i)
for i,c in enumerate(cs): assert c.recv(100)==b"m%d\n"%i
