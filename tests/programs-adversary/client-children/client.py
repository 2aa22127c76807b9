import subprocess,sys
for i in range(3):
    subprocess.run([sys.executable,"-c","""
import socket
c=socket.create_connection(("127.0.0.1",12345)); c.sendall(b"hello\\n"); print(c.recv(100)); c.close()
"""],check=True)
