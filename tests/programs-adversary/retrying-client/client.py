import socket,time
while True:
    try: c=socket.create_connection(("127.0.0.1",12345)); break
    except ConnectionRefusedError: time.sleep(.2)
c.sendall(b"hello\n"); print(c.recv(100)); c.close()
