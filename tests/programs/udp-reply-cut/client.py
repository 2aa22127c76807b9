import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", 12345))
msg = b"a datagram of more than sixteen bytes"
s.send(msg)
r = s.recv(2048)
print(r)
sys.exit(0 if r == msg else 1)
