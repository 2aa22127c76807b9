import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("127.0.0.1",12345))
while True:
    d,a=s.recvfrom(512); s.sendto(d,a)
