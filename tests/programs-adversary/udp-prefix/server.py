import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(("127.0.0.1",12345))
while True:
    d,a=s.recvfrom(65535); s.sendto(b'echo: '+d,a)
