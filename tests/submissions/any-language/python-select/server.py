import select
import socket

listener = socket.create_server(("127.0.0.1", 5000))
clients = {}
while True:
    for ready in select.select([listener, *clients], [], [])[0]:
        if ready is listener:
            clients[ready.accept()[0]] = b""
            continue
        data = ready.recv(2048)
        if not data:
            del clients[ready]
            ready.close()
            continue
        *lines, clients[ready] = (clients[ready] + data).split(b"\n")
        for line in lines:
            ready.sendall(b"Echo : " + line + b"\n")
