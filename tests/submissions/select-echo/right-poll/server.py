import select
import socket

listener = socket.create_server(("127.0.0.1", 5000))
poller = select.poll()
poller.register(listener, select.POLLIN)
clients = {}

while True:
    for fd, event in poller.poll():
        if fd == listener.fileno():
            client, _ = listener.accept()
            clients[client.fileno()] = (client, client.makefile("rb"))
            poller.register(client, select.POLLIN)
            continue
        client, lines = clients[fd]
        line = lines.readline() if event & select.POLLIN else b""
        if line:
            client.sendall(b"Echo : " + line)
        else:
            poller.unregister(fd)
            del clients[fd]
            lines.close()
            client.close()
