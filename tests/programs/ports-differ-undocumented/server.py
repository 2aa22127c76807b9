import socket
s = socket.create_server(("127.0.0.1", 5000))
while True:
    c, _ = s.accept()
    while d := c.recv(99):
        c.sendall(d)
    c.close()
