import socket
import threading

WELCOME = b"Welcome to the echo service. Type something.\r\n"

class Session(threading.Thread):
    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock = sock

    def run(self):
        self.sock.sendall(WELCOME)
        stream = self.sock.makefile("rb")
        for line in stream:
            self.sock.sendall(line)
        stream.close()
        self.sock.close()

lst = socket.create_server(("127.0.0.1", 12345))
while True:
    Session(lst.accept()[0]).start()
