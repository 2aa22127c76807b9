import socket

for number in range(5):
    with socket.create_connection(("127.0.0.1", 12345)) as s:
        msg = b"request %d" % number
        s.sendall(msg)
        got = b""
        while len(got) < len(msg):
            got += s.recv(100)
        print(got)
