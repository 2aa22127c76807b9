import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 12345))
while True:
    data, addr = s.recvfrom(2000)
    time.sleep(0.7)
    s.sendto(data, addr)
