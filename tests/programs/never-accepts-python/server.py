import socket
import threading

stop = threading.Event()
server_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server_socket.bind(("127.0.0.1", 12345))
server_socket.listen(5)
print("Waiting for clients...")
stop.wait()
conn, addr = server_socket.accept()
conn.sendall(conn.recv(1024))
