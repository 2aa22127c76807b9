import socket
for i in range(20):
    with socket.create_connection(("127.0.0.1",12345)) as c:
        c.sendall(b"m%d\n"%i); assert c.recv(100)==b"m%d\n"%i
