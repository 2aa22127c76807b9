import socket, threading
def echo(c):
    while True:
        d = c.recv(1024)
        if not d: break
        c.sendall(d)
    c.close()
s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, a = s.accept()
    threading.Thread(target=echo, args=(c,), daemon=True).start()
