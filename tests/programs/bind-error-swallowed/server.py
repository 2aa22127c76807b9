import socket
import threading

HOST = "192.168.1.10"
PORT = 12345

class Server:
    def __init__(self):
        self.s = socket.socket()
        self.done = threading.Event()
        try:
            self.s.bind((HOST, PORT))
            self.s.listen(5)
            threading.Thread(target=self.loop, daemon=True).start()
        except:
            pass

    def loop(self):
        while True:
            c, a = self.s.accept()
            c.sendall(c.recv(1024))
            c.close()

srv = Server()
print("Server running")
srv.done.wait()
