import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall("żółw\n".encode())
reply = ""
while not reply.endswith("\n"):
    reply += s.recv(3).decode()
print(reply)
