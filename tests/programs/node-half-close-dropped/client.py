import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"hello\n")
s.shutdown(socket.SHUT_WR)
reply = b""
while part := s.recv(1024):
    reply += part
print(reply)
if not reply:
    raise SystemExit("empty reply")
