import socket, sys
s = socket.socket()
try:
    s.connect(("127.0.0.1", 12345))
except OSError as e:
    print("No connection:", e, file=sys.stderr)
    sys.exit(1)
s.sendall(b"hi")
print(s.recv(1024))
