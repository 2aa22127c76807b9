import socket
HOST, PORT = "127.0.0.1", 12345
sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind((HOST, PORT))
sock.listen(1)
while 1:
    conn, addr = sock.accept()
    msg = conn.recv(1024)
    conn.sendall(msg)
    conn.close()
