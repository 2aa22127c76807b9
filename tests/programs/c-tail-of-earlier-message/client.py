import socket, sys
s = socket.create_connection(("127.0.0.1", 12345))
for word in ("international", "law"):
    s.sendall(word.encode())
    reply = s.recv(100).decode()
    print(word, "->", reply)
    if reply != word:
        sys.exit("echo is broken")
