import socket
import threading


def serve(connection):
    with connection, connection.makefile("rw", encoding="utf-8", errors="replace", newline="\n") as stream:
        for line in stream:
            stream.write(line)
            stream.flush()


listener = socket.create_server(("127.0.0.1", 12345), backlog=32)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
