import socket
poem = "".join(f"line {i} of a long poem\n" for i in range(300)).encode()
s = socket.create_connection(("127.0.0.1", 12345))
back = b""
try:
    s.sendall(poem)
    s.shutdown(socket.SHUT_WR)
    while chunk := s.recv(4096):
        back += chunk
except OSError as e:
    print("the server cut me off:", e)
print(len(poem), "sent", len(back), "received")
