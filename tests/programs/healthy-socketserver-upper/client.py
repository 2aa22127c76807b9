import socket
import sys

data = " ".join(sys.argv[1:])
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
    sock.connect(("localhost", 9999))
    sock.sendall(bytes(data + "\n", "utf-8"))
    received = str(sock.makefile("rb").readline(), "utf-8")
print("Sent:     {}".format(data))
print("Received: {}".format(received))
