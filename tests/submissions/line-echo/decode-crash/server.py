import socket
import threading


def serve(connection):
    with connection:
        text = ""
        while True:
            data = connection.recv(2048)
            if not data:
                return
            text += data.decode("utf-8")
            while "\n" in text:
                line, text = text.split("\n", 1)
                connection.sendall((line + "\n").encode("utf-8"))


listener = socket.create_server(("127.0.0.1", 12345), backlog=32)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
