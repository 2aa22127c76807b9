import socket, struct, sys, time

def probe():
    p = socket.create_connection(("127.0.0.1", 12345))
    p.sendall(b"ping\n")
    p.recv(100)
    p.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    p.close()

probe()
time.sleep(0.5)
try:
    s = socket.create_connection(("127.0.0.1", 12345))
    s.sendall(b"hello\n")
    print(s.recv(100).decode())
except OSError as e:
    sys.exit(f"server gone: {e}")
