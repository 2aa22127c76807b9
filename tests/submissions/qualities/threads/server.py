import socket
import threading


def serve(connection):
    connection.settimeout(1.5)
    try:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(line)
    except TimeoutError:
        print("a client went quiet", flush=True)


listener = socket.create_server(("127.0.0.1", 12345), backlog=1024)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
