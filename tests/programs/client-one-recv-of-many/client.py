import socket
import sys

document = b"0123456789abcdef" * 20000
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(document)
answer = s.recv(65536)
s.close()
if answer != document:
    print("the server lost", len(document) - len(answer), "bytes")
    sys.exit(1)
