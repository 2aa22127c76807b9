import socket
s = socket.socket()
s.settimeout(0.2)
s.connect(("127.0.0.1", 12345))
s.sendall(b"hello\n")
try:
    print(s.recv(1024))
except socket.timeout:
    print("Server does not answer!")
s.close()
