import socket
import struct

def exactly(sock, n):
    out = b""
    while len(out) < n:
        more = sock.recv(n - len(out))
        if not more:
            raise EOFError
        out += more
    return out

s = socket.create_connection(("127.0.0.1", 12345))
for body in (b"\x00\xff\x80binary\x00", b"second"):
    s.sendall(struct.pack("!I", len(body)) + body)
    size = struct.unpack("!I", exactly(s, 4))[0]
    print(size, exactly(s, size))
s.close()
