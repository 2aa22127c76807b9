import socket
data = b"PNG\x00\x01\x02\x03 picture data"
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(data)
got = b""
while len(got) < len(data):
    got += s.recv(1024)
print(got == data)
