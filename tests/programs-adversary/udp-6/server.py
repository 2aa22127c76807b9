import socket
s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.bind(("::1",12345))
while True:
    d,a=s.recvfrom(65535); s.sendto(d,a)
