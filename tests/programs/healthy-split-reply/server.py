import socket, time

s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, _ = s.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buf = b""
    while True:
        d = c.recv(100)
        if not d:
            break
        buf += d
        while b"\n" in buf:
            line, buf = buf.split(b"\n", 1)
            for ch in line + b"\n":
                c.send(bytes([ch]))
                time.sleep(0.01)
    c.close()
