import socket
import sys

with socket.create_connection(("127.0.0.1", 12345), timeout=1) as connection:
    connection.sendall(b"hello\n")
    reply = connection.recv(1024)
    print(reply)
    if reply != b"hello\n":
        sys.exit("not the echo I sent")
