import socket
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c.settimeout(2)
c.sendto(b"hello", ("127.0.0.1", 12345))
try:
    print(c.recvfrom(100))
except socket.timeout:
    print("nothing came back")
