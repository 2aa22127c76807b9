import socket
s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, a = s.accept()
    d = c.recv(1024)
    c.sendall(b"echo: " + d)
    c.close()
