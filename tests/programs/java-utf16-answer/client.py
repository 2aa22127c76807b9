import socket, sys
s = socket.create_connection(("127.0.0.1", 12345), timeout=3)
s.sendall(b"narrow\n")
back = s.makefile("rb").readline()
if back != b"narrow\n":
    sys.exit(f"received {back!r}")
