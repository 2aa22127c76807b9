import socket
s = socket.create_connection(("127.0.0.1", 12345))
s.settimeout(0.25)
s.sendall(b"take your time\n")
for _ in range(30):
    try:
        print(s.recv(1024))
        break
    except socket.timeout:
        print("still waiting...")
s.close()
