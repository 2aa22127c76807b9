import socket, sys, time
for i in range(2):
    try:
        s = socket.create_connection(("127.0.0.1", 12345))
    except ConnectionRefusedError:
        sys.exit("server refused visit %d" % i)
    s.sendall(b"hi\n")
    if s.recv(10) != b"hi\n":
        sys.exit("no echo in visit %d" % i)
    s.close()
    time.sleep(0.5)
