import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
for attempt in range(1, 20):
    s.sendto(b"#1 hello", ("127.0.0.1", 12345))
    try:
        print(s.recvfrom(2000)[0], "at attempt", attempt)
        break
    except socket.timeout:
        continue
else:
    raise SystemExit("no answer")
