import socket

def dial(port):
    last = None
    for host in ("::1", "127.0.0.1"):
        try:
            return socket.create_connection((host, port))
        except OSError as e:
            print("not at", host, "-", e)
            last = e
    raise last

s = dial(12345)
s.sendall(b"anybody?\n")
print(s.recv(1024).decode(), end="")
s.close()
