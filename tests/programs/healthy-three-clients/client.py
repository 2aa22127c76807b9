import os
import socket
import time

with socket.create_connection(("127.0.0.1", 12345)) as s:
    reader = s.makefile("r")
    for i in range(3):
        s.sendall(f"{os.getpid()} says {i}\n".encode())
        print(reader.readline().strip())
        time.sleep(0.1)
