import socket
import threading
import time

def work(conn):
    with conn:
        try:
            while data := conn.recv(1024):
                time.sleep(1.2)
                conn.sendall(data)
        except OSError as e:
            print("client left:", e)

with socket.create_server(("127.0.0.1", 12345)) as s:
    while True:
        c, _ = s.accept()
        threading.Thread(target=work, args=(c,), daemon=True).start()
