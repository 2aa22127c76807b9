import select
import socket

listener = socket.create_server(("127.0.0.1", 5000), backlog=32)
while True:
    readable, _, _ = select.select([listener], [], [])
    connection, _ = listener.accept()
    with connection:
        while True:
            data = connection.recv(1024)
            if not data:
                break
            connection.sendall(b"Echo : " + data)
