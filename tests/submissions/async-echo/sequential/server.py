import socket

server = socket.create_server(("127.0.0.1", 9999), backlog=128)
while True:
    connection, address = server.accept()
    with connection:
        try:
            for line in connection.makefile("rb"):
                connection.sendall(b"ECHO: " + line)
        except ConnectionResetError as error:
            print("reset", error)
