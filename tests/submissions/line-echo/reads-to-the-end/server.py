import socket
import threading


def serve(connection):
    with connection:
        everything = b""
        while data := connection.recv(1024):
            everything += data
        connection.sendall(everything)


listener = socket.create_server(("127.0.0.1", 12345), backlog=32)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
