import socketserver
class H(socketserver.BaseRequestHandler):
    def handle(self):
        while d := self.request.recv(100):
            self.request.sendall(d)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 12345), H).serve_forever()
