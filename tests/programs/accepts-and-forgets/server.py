import socket

server = socket.create_server(("127.0.0.1", 12345))
connections = []
while True:
    conn, addr = server.accept()
    print("New client", addr)
    connections.append(conn)
