import socket
s = socket.create_connection(("127.0.0.1", 6868))
s.sendall(b"meow\n" * 1000)
s.shutdown(socket.SHUT_WR)
total = 0
while data := s.recv(999):
    total += len(data)
assert total == 5000
