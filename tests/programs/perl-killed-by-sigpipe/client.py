import socket
import struct
import time

# a visitor in a hurry
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"x" * 500)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
time.sleep(0.1)
s.close()
time.sleep(0.5)
# one that stays
with socket.create_connection(("127.0.0.1", 12345)) as s:
    s.sendall(b"hello\n")
    print(s.makefile().readline())
