"""Stage three: a fixed number of threads."""
from concurrent.futures import ThreadPoolExecutor
import socket


class EchoServer:
    def __init__(self, host="0.0.0.0", port=12345, workers=32):
        self.listener = socket.create_server((host, port), backlog=workers)
        self.pool = ThreadPoolExecutor(max_workers=workers)

    def run(self):
        while True:
            connection, peer = self.listener.accept()
            print("accepted", peer, flush=True)
            self.pool.submit(self.serve, connection)

    def serve(self, connection):
        try:
            with connection:
                pending = b""
                while chunk := connection.recv(4096):
                    pending += chunk
                    while b"\n" in pending:
                        line, pending = pending.split(b"\n", 1)
                        connection.sendall(line + b"\n")
        except ConnectionError as error:
            print("lost a client:", error, flush=True)


if __name__ == "__main__":
    EchoServer().run()
