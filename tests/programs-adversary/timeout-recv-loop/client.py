import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"hello\n"); c.settimeout(.5); b=b""
while True:
    try: d=c.recv(100)
    except TimeoutError: break
    if not d: break
    b+=d
print(b)
