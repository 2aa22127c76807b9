import socket
s = socket.socket()
s.connect(("127.0.0.1", 12345))
for m in ["hello", "world", "quit"]:
    s.send((m + "\n").encode())
    if m == "quit":
        break
    print(s.recv(1024).decode().strip())
s.close()
