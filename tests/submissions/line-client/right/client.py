import socket
import sys

try:
    with socket.create_connection(("127.0.0.1", 12345), timeout=1) as connection:
        connection.sendall(b"hello\n")
        with connection.makefile("rb") as replies:
            print(replies.readline().decode(), end="")
except OSError as error:
    sys.exit(f"client: {error}")
