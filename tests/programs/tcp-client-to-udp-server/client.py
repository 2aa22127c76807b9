import socket
c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
c.connect(("127.0.0.1", 12345))
c.send(b"hello")
print(c.recv(1000))
