import socket
with socket.create_connection(("127.0.0.1", 12345)) as s:
    s.sendall(b"Hello, server\n")
    print(s.recv(1024))
