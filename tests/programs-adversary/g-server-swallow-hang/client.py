import socket
with socket.create_connection(("127.0.0.1", 12345)) as c:
    for w in (b"one\n", b"two\n", b"three\n"):
        c.sendall(w); print(c.recv(1024))
