import socket, threading

def run(c):
    while d := c.recv(1024):
        c.sendall(d)
    c.close()

l = socket.create_server(("127.0.0.1", 12345))
while True:
    threading.Thread(target=run, args=(l.accept()[0],), daemon=True).start()
