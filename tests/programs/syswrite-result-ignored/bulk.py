import socket
import sys
s = socket.create_connection(("127.0.0.1", 12345))
line = b"x" * 8_000_000 + b"\n"
s.sendall(line)
got = 0
while got < len(line):
    part = s.recv(65536)
    if not part:
        break
    got += len(part)
print(got, "of", len(line))
sys.exit(got != len(line))
