import socket
from threading import Thread

def serve(conn):
    while True:
        data = conn.recv(1024)
        if not data:
            break
        conn.sendall(data)
    conn.close()

listener = socket.create_server(("127.0.0.1", 12345))
while True:
    conn, _ = listener.accept()
    t = Thread(target=serve, args=(conn,))
    t.run()
