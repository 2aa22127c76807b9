import socketserver

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            piece = self.request.recv(512)
            if not piece:
                break
            self.request.sendall(piece)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

Server(("127.0.0.1", 12345), Echo).serve_forever()
