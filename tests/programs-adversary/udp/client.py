import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3)
for i in range(5):
    s.sendto(b"m%d"%i,("127.0.0.1",12345)); print(s.recvfrom(2000))
