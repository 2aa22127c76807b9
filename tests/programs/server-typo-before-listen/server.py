import socket

class EchoServer:
    def __init__(self, port):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", port))

    def run(self):
        self.sock.lisen(5)
        while True:
            c, _ = self.sock.accept()
            c.sendall(c.recv(1024))

if __name__ == "__main__":
    EchoServer(12345).run()
