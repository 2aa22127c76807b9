import socket
s = socket.create_server(("127.0.0.1", 12345))
while True:
    conn, addr = s.accept()
    print("serving", addr)
    for line in conn.makefile("rb"):
        conn.sendall(line)
    conn.close()
