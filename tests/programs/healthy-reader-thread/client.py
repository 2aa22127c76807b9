import socket
import threading

sock = socket.create_connection(("127.0.0.1", 12345))
received = bytearray()
complete = threading.Event()
WANTED = b"typed by hand\nand again\n"

def reader():
    try:
        while True:
            data = sock.recv(1024)
            if not data:
                break
            received.extend(data)
            if len(received) >= len(WANTED):
                complete.set()
    except OSError:
        pass

threading.Thread(target=reader, daemon=True).start()
for line in WANTED.splitlines(keepends=True):
    sock.sendall(line)
complete.wait(8)
print(received.decode())
sock.close()
