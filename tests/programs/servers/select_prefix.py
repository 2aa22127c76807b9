"""Answers every chunk with `Echo : ` before it; one thread, select."""
import select
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
readers = [listener]
while True:
    for ready in select.select(readers, [], [])[0]:
        if ready is listener:
            readers.append(listener.accept()[0])
            continue
        try:
            data = ready.recv(1024)
            if data:
                ready.sendall(b"Echo : " + data)
                continue
        except OSError:
            pass
        readers.remove(ready)
        ready.close()
