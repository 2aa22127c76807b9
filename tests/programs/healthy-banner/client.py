import socket

sock = socket.create_connection(("127.0.0.1", 12345))
lines = sock.makefile("rb")
print(lines.readline())
sock.sendall(b"first\n")
print(lines.readline())
sock.sendall(b"second\n")
print(lines.readline())
lines.close()
sock.close()
