import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 9999))
while True:
    data, peer = sock.recvfrom(2048)
    sock.sendto(data, peer)
