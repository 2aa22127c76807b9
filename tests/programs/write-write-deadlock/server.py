import socket
s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, _ = s.accept()
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
