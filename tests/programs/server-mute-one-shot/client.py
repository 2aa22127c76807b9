import socket

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
    sock.connect(("127.0.0.1", 12345))
    sock.sendall(b"Hello, server\n")
    print("reply:", sock.recv(1024).decode())
