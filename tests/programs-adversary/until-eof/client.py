import socket
c=socket.create_connection(("127.0.0.1", 12345))
c.sendall(b"hello\nworld\n"); c.shutdown(socket.SHUT_WR)
b=b""
while d:=c.recv(100): b+=d
print(b)
