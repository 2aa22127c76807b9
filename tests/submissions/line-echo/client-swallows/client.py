import socket

sock = socket.socket()
sock.settimeout(1)
try:
    sock.connect(("127.0.0.1", 12345))
    sock.sendall(b"hello\n")
    answer = sock.makefile("rb").readline()
    print(answer)
except OSError:
    pass
