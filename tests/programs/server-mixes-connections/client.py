import socket
a = socket.create_connection(("127.0.0.1", 12345))
b = socket.create_connection(("127.0.0.1", 12345))
a.sendall(b"alice's secret\n")
print("a:", a.recv(1024))
b.sendall(b"bob\n")
print("b:", b.recv(1024))
a.close()
b.close()
