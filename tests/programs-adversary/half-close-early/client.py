import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"hello\n"); c.shutdown(socket.SHUT_WR)
while d:=c.recv(100): print(d)
