import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sock.connect(("127.0.0.1", 12345))
sock.sendall(sys.argv[1].encode())
print(sock.recv(1024).decode())
sock.close()
