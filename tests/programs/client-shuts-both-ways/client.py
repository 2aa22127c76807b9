import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"hello\n")
s.shutdown(socket.SHUT_RDWR)
print("answer:", s.recv(1024))
s.close()
