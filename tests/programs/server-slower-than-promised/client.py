import socket, sys
s = socket.create_connection(("127.0.0.1", 12345), timeout=1.0)
s.sendall(b"hello\n")
try:
    print(s.recv(1024))
except TimeoutError:
    sys.exit("no reply within the promised time")
