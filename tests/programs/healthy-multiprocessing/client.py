import socket
s = socket.create_connection(("127.0.0.1", 12345))
for part in (b"to ", b"a ", b"worker"):
    s.sendall(part)
    print(s.recv(100))
s.close()
