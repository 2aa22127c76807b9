import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
for text in (b"short", b"a somewhat longer message", b"end"):
    s.sendto(text, ("127.0.0.1", 12345))
    data, _ = s.recvfrom(2048)
    if data != text:
        raise SystemExit(f"sent {text!r}, received {data!r}")
