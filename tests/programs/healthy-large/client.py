import socket
import threading

SIZE = 1_500_000
payload = bytes(i * 7 % 251 for i in range(SIZE))
sock = socket.create_connection(("127.0.0.1", 12345))
sender = threading.Thread(target=sock.sendall, args=(payload,))
sender.start()
received = bytearray()
while len(received) < SIZE:
    part = sock.recv(65536)
    if not part:
        break
    received += part
sender.join()
sock.close()
print(len(received), "bytes back,", "same" if received == payload else "DIFFERENT")
