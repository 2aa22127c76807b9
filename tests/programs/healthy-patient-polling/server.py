import socket, threading, time
def echo(c):
    while d := c.recv(1024):
        time.sleep(1.1)
        c.sendall(d)
    c.close()
l = socket.create_server(("127.0.0.1", 12345))
l.settimeout(0.3)
while True:
    try:
        c, _ = l.accept()
    except socket.timeout:
        continue            # so that Ctrl-C works on Windows
    c.settimeout(None)
    threading.Thread(target=echo, args=(c,), daemon=True).start()
