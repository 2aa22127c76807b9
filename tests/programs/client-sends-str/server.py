import socket
s = socket.create_server(("127.0.0.1", 12345))
while True:
    conn, _ = s.accept()
    with conn:
        while data := conn.recv(1024):
            conn.sendall(data)
