import socket

s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::1", 12345))
s.listen(5)
while True:
    c, who = s.accept()
    f = c.makefile("rwb")
    for line in f:
        f.write(line)
        f.flush()
    f.close()
    c.close()
