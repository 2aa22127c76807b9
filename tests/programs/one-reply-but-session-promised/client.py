import socket
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rb")
for word in (b"one\n", b"two\n", b"three\n"):
    s.sendall(word)
    reply = f.readline()
    print(reply)
    if reply != word:
        raise SystemExit("lost the server")
