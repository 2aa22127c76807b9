import socket, time

def wait_for_port():
    while True:
        try:
            socket.create_connection(("127.0.0.1", 12345)).close()
            return
        except OSError:
            time.sleep(0.1)

wait_for_port()
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(b"now for real\n")
print(s.makefile().readline())
s.close()
