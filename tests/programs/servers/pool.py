"""Echoes lines; three threads, each serving one connection until it ends."""
import socket
import sys
import threading

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=50)


def work():
    while True:
        client, _ = listener.accept()
        with client, client.makefile("rwb") as stream:
            try:
                for line in stream:
                    stream.write(line)
                    stream.flush()
            except OSError:
                pass


for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
work()
