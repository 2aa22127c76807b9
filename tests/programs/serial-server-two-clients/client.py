import socket, time
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rb")
for i in range(4):
    s.sendall(b"message %d\n" % i)
    print(f.readline())
    time.sleep(0.6)
f.close()
s.close()
