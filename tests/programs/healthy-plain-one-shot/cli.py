import socket, sys
s = socket.socket()
s.connect(("127.0.0.1", 12345))
s.sendall(" ".join(sys.argv[1:]).encode())
out = b""
while True:
    d = s.recv(1024)
    if d == b"":
        break
    out += d
print(out.decode())
s.close()
