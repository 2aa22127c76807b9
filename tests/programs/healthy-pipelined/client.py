import socket
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rb")
s.sendall(b"one\ntwo\nthree\nfour\n")
for _ in range(4):
    print(f.readline().decode(), end="")
f.close()
s.close()
