import socket
import threading

def work(c):
    everything = b""
    while chunk := c.recv(4096):
        everything += chunk
    c.sendall(everything)
    c.close()

s = socket.create_server(("127.0.0.1", 12345))
while True:
    threading.Thread(target=work, args=(s.accept()[0],), daemon=True).start()
