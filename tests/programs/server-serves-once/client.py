import socket, sys
for i in range(2):
    s = socket.create_connection(("127.0.0.1", 12345))
    s.sendall(b"visit %d\n" % i)
    reply = s.recv(1024)
    print(reply)
    s.close()
    if not reply:
        sys.exit("no reply")
