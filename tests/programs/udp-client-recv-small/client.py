import socket
msg = b"x" * 300
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c.sendto(msg, ("127.0.0.1", 12345))
reply = c.recvfrom(128)[0]
assert reply == msg, f"got only {len(reply)} bytes"
