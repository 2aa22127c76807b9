import socket, struct
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rb")
for w in ("hello", "Java"):
    b = w.encode()
    s.sendall(struct.pack(">H", len(b)) + b)
    (n,) = struct.unpack(">H", f.read(2))
    print(f.read(n).decode())
f.close()
s.close()
