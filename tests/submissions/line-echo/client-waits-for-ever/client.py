import socket

sock = socket.socket()
sock.connect(("127.0.0.1", 12345))
sock.sendall(b"is anybody there\n")
answer = b""
while b"\n" not in answer:
    answer += sock.recv(1024)
print(answer)
