import socket
import threading

clients = []

def handle(conn, number):
    data = conn.recv(1024).decode()
    names = ["anna", "bert"]
    conn.send(f"{names[number]}: {data}".encode())

s = socket.create_server(("127.0.0.1", 12345))
while True:
    conn, addr = s.accept()
    clients.append(conn)
    threading.Thread(target=handle, args=(conn, len(clients) + 1)).start()
