import socket

with socket.create_connection(("127.0.0.1", 12345), timeout=2) as sock:
    sock.sendall(b"Hello World\n")
    print("Received", repr(sock.recv(1024)))
