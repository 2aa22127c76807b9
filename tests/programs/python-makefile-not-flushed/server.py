import socket
import threading

def client_thread(conn):
    inp = conn.makefile("r")
    out = conn.makefile("w")
    for line in inp:
        out.write(line)

with socket.create_server(("127.0.0.1", 12345)) as srv:
    while True:
        conn, _ = srv.accept()
        threading.Thread(target=client_thread, args=(conn,)).start()
