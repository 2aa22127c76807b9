import socket
import time

srv = socket.socket()
srv.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
srv.bind(("127.0.0.1", 12345))
srv.settimeout(0.02)
srv.listen(5)
clients = []
running = True
while running:
    try:
        c, a = srv.accept()
        c.sendall(c.recv(1024))
        c.close()
    except socket.timeout:
        running = False
while True:
    time.sleep(3600)
