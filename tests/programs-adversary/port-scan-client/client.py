import socket
for p in range(12340,12350):
    try: c=socket.create_connection(("127.0.0.1",p)); break
    except ConnectionRefusedError: pass
c.sendall(b"hello\n"); print(c.recv(100)); c.close()
