import socket

s = socket.create_server(("127.0.0.1", 12345))
conn, addr = s.accept()
while True:
    data = conn.recv(1024).decode()
    print("client:", data)
    answer = input("answer> ")
    conn.sendall(answer.encode())
