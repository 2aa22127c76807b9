import socket
import threading

server = socket.socket()
server.bind(("127.0.0.1", 9999))
threading.Event().wait()
