import selectors
import socket

selector = selectors.DefaultSelector()
buffers = {}


def accept(listener):
    connection, _ = listener.accept()
    buffers[connection] = b""
    selector.register(connection, selectors.EVENT_READ, serve)


def serve(connection):
    try:
        data = connection.recv(4096)
    except ConnectionResetError as error:
        print("reset", error)
        data = b""
    if not data:
        selector.unregister(connection)
        buffers.pop(connection)
        connection.close()
        return
    *lines, buffers[connection] = (buffers[connection] + data).split(b"\n")
    for line in lines:
        connection.sendall(b"ECHO: " + line + b"\n")


with socket.create_server(("127.0.0.1", 9999), backlog=128) as listener:
    selector.register(listener, selectors.EVENT_READ, accept)
    try:
        while True:
            for key, _ in selector.select():
                key.data(key.fileobj)
    except KeyboardInterrupt:
        pass
