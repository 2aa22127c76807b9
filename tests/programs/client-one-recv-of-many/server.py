import socketserver

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        while chunk := self.request.recv(4096):
            self.request.sendall(chunk)

class Srv(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True

Srv(("127.0.0.1", 12345), Handler).serve_forever()
