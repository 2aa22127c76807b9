import socket

def serve(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind("127.0.0.1", port)
    while True:
        d, a = s.recvfrom(2048)
        s.sendto(d, a)

serve(12345)
