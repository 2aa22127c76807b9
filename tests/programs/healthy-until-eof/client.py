import socket

text = b"line one\nline two\nand a tail without an end"
with socket.create_connection(("127.0.0.1", 12345)) as s:
    s.sendall(text)
    s.shutdown(socket.SHUT_WR)
    reply = b""
    while chunk := s.recv(2048):
        reply += chunk
print(reply.decode())
assert reply == text
