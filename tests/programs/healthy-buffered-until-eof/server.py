import socket
import threading


def copy(conn):
    with conn, conn.makefile("rb") as source, conn.makefile("wb") as sink:
        for line in source:
            sink.write(line)


with socket.create_server(("127.0.0.1", 12345)) as listener:
    while True:
        threading.Thread(target=copy, args=(listener.accept()[0],)).start()
