import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(5)
for word in sys.argv[1:]:
    sock.sendto(word.encode(), ("127.0.0.1", 12345))
    print(sock.recvfrom(65535)[0].decode())
