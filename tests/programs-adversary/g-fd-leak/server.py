import socket,resource
resource.setrlimit(resource.RLIMIT_NOFILE,(12,12))
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
keep=[]
while True:
    c, _ = s.accept(); keep.append(c); c.sendall(c.recv(1000))
