import socket
c=socket.create_connection(("127.0.0.1", 12345))
for m in (b"hello",b"world"):
    c.sendall(m+b"\0"); b=b""
    while not b.endswith(b"\0"): b+=c.recv(10)
    print(b)
c.close()
