import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345))
s.listen(5)
while True:
    conn, addr = s.accept()
    request = conn.recv(1024).decode().split()
    command, argument = request[0], request[1]
    conn.sendall(f"{command} {argument}\n".encode())
    conn.close()
