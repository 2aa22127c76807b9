import socket
s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, _ = s.accept()
    while True:
        data = c.recv(1024)
        if not data:
            break
        c.sendall(data[:-1])
    c.close()
