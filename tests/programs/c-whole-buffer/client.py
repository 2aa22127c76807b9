import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"hello\n")
r = s.recv(1024)
print(r)
s.close()
if r != b"hello\n":
    raise SystemExit("not an echo")
