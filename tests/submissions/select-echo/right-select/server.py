import select
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 5000))
server.listen(20)

inputs = [server]
pending = {}

while True:
    readable, _, _ = select.select(inputs, [], [])
    for sock in readable:
        if sock is server:
            client, address = server.accept()
            inputs.append(client)
            pending[client] = b""
            continue
        data = sock.recv(1024)
        if not data:
            inputs.remove(sock)
            del pending[sock]
            sock.close()
            continue
        pending[sock] += data
        while b"\n" in pending[sock]:
            line, pending[sock] = pending[sock].split(b"\n", 1)
            sock.sendall(b"Echo : " + line + b"\n")
