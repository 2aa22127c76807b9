import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"hello\n")
r = s.makefile("rb").readline()
print(r)
raise SystemExit(0 if r == b"hello\n" else "expected hello")
