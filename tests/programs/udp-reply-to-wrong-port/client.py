import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.sendto(b"hello", ("127.0.0.1", 12345))
try:
    print(s.recvfrom(1500))
except socket.timeout:
    raise SystemExit("no reply")
