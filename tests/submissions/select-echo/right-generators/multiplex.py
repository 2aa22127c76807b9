# Each client is a generator; the loop resumes it when its socket is readable.
import socket
from select import select

waiting = {}


def client(sock):
    rest = b""
    while True:
        yield sock
        data = sock.recv(1024)
        if not data:
            sock.close()
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            sock.sendall(b"Echo : " + line + b"\n")


def acceptor(listener):
    while True:
        yield listener
        start(client(listener.accept()[0]))


def start(generator):
    sock = next(generator, None)
    if sock is not None:
        waiting[sock] = generator


start(acceptor(socket.create_server(("0.0.0.0", 5000))))
while True:
    for sock in select(waiting, [], [])[0]:
        start(waiting.pop(sock))
