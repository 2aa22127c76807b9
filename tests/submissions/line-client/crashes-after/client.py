import socket

with socket.create_connection(("127.0.0.1", 12345), timeout=1) as connection:
    connection.sendall(b"hello\n")
    print("reply: " + connection.makefile("rb").readline())
