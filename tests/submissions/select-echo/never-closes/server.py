import select
import socket

listener = socket.create_server(("127.0.0.1", 5000), backlog=32)
inputs = [listener]
clients = []
while True:
    for sock in select.select(inputs, [], [])[0]:
        if sock is listener:
            client, _ = listener.accept()
            clients.append(client)
            inputs.append(client)
            continue
        data = sock.recv(1024)
        if data:
            sock.sendall(b"Echo : " + data)
        else:
            inputs.remove(sock)
