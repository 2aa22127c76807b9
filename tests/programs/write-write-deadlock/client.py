import socket
big = b"z" * 40_000_000
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(big)
got = 0
while got < len(big):
    got += len(s.recv(65536))
print(got)
