import socket

BUFSIZE = 32
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 12345))
while True:
    data, peer = sock.recvfrom(BUFSIZE)
    sock.sendto(data, peer)
