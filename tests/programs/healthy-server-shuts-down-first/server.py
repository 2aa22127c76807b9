import socket
import threading

def chat(conn):
    conn.sendall(b"hi\n")
    line = conn.makefile("rb").readline()
    conn.sendall(b"you said: " + line)
    conn.shutdown(socket.SHUT_WR)
    while conn.recv(1024):
        pass
    conn.close()

with socket.create_server(("127.0.0.1", 12345)) as s:
    while True:
        conn, _ = s.accept()
        threading.Thread(target=chat, args=[conn]).start()
