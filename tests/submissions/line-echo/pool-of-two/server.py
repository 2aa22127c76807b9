import socket
from concurrent.futures import ThreadPoolExecutor

MAX_CLIENTS = 2


def serve(connection):
    with connection:
        for line in connection.makefile("rb"):
            connection.sendall(line)


listener = socket.create_server(("127.0.0.1", 12345), backlog=32)
with ThreadPoolExecutor(MAX_CLIENTS) as pool:
    while True:
        pool.submit(serve, listener.accept()[0])
