import socket
for a in (("::1",12345),("127.0.0.1",12345)):
    try: c=socket.create_connection(a); break
    except OSError as e: print("failed",e)
c.sendall(b"hello\n"); print(c.recv(100)); c.close()
