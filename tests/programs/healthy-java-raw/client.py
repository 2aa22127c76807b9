import socket
s = socket.create_connection(("127.0.0.1", 12345))
for m in (b"x", b"yy", b"zzz" * 100):
    s.sendall(m)
    r = b""
    while len(r) < len(m):
        r += s.recv(4096)
    assert r == m
print("all came back")
s.close()
