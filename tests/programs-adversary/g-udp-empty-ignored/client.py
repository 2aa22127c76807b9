import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.sendto(b"",("127.0.0.1",12345)); print(s.recvfrom(100))
