import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345))
s.listen(5)
while True:
    connection, client_address = s.accept()
    data = connection.recv(1024)
    connection.sendall(data)
    connection.close()
