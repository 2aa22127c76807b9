import socket

with socket.create_connection(("127.0.0.1", 12345), timeout=5) as talk:
    talk.sendall(b"anybody?\n")
    print(talk.recv(512).decode(), end="")
