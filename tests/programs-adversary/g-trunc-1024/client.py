import socket
c=socket.create_connection(("127.0.0.1",12345)); m=b"A"*5000+b"\n"; c.sendall(m); n=0
while n<len(m): n+=len(c.recv(1000))
