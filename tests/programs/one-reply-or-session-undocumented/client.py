import socket
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rb")
for word in (b"one\n", b"two\n"):
    s.sendall(word)
    reply = f.readline()
    print(reply)
    if not reply:
        raise SystemExit("the server hung up")
