import socket
s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, _ = s.accept()
    data = c.recv(1024)
    print("got", data)
    reply = data
    c.recv(1024)
