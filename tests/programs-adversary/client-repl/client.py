import socket,sys
c=socket.create_connection(("127.0.0.1",12345))
while True:
    try: m=input("> ")
    except EOFError: break
    c.sendall(m.encode()); print(c.recv(1024).decode())
c.close()
