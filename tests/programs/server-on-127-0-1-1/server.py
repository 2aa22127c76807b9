import socket

def my_address():
    return "127.0.1.1"      # what gethostbyname(gethostname()) gives on the lab machines

s = socket.socket()
s.bind((my_address(), 12345))
s.listen()
while True:
    conn, peer = s.accept()
    conn.sendall(conn.recv(1024))
    conn.close()
