import socket
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rb")
for w in (b"a\n", b"b\n"):
    s.sendall(w)
    print(f.readline())
s.shutdown(socket.SHUT_WR)
print(f.read())
s.close()
