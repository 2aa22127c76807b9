import select
import socket

listener = socket.create_server(("127.0.0.1", 5000), backlog=32)
inputs = [listener]
while True:
    for sock in select.select(inputs, [], [])[0]:
        if sock is listener:
            inputs.append(listener.accept()[0])
        elif data := sock.recv(1024):
            sock.sendall("Echo : " + data)
        else:
            inputs.remove(sock)
            sock.close()
