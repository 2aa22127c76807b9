import selectors
import socket
import sys

sock = socket.socket()
sock.settimeout(1)
try:
    sock.connect(("127.0.0.1", 12345))
except OSError as why:
    print("cannot connect:", why, file=sys.stderr)
    sys.exit(1)
sock.setblocking(False)
sock.send(b"abc\n")
answer = b""
with selectors.DefaultSelector() as sel:
    sel.register(sock, selectors.EVENT_READ)
    while not answer.endswith(b"\n"):
        if not sel.select(timeout=2):
            print("no answer in time", file=sys.stderr)
            sys.exit(1)
        chunk = sock.recv(100)
        if not chunk:
            print("connection lost", file=sys.stderr)
            sys.exit(1)
        answer += chunk
print(answer.decode().strip())
