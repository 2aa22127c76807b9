import socket, threading, time

def status_page():
    s = socket.create_server(("127.0.0.1", 8080))
    while True:
        c, _ = s.accept()
        c.sendall(b"starting\n")
        c.close()

threading.Thread(target=status_page, daemon=True).start()
time.sleep(2.5)          # loads its tables

s = socket.create_server(("127.0.0.1", 12345))
while True:
    c, _ = s.accept()
    with c:
        for line in c.makefile("rb"):
            c.sendall(line)
