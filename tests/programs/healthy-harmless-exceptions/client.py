import socket
try:
    import readline_is_not_here
except ImportError:
    pass

s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rwb", 0)
for w in (b"12\n", b"twelve\n"):
    f.write(w)
    print(f.readline())
f.close()
s.close()
