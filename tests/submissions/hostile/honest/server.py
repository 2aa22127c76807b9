import socket

server = socket.create_server(("127.0.0.1", 9999))
while True:
    connection, _ = server.accept()
    with connection:
        for line in connection.makefile("rb"):
            connection.sendall(line)
