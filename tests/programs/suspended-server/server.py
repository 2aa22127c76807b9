import socketserver

class E(socketserver.StreamRequestHandler):
    def handle(self):
        for l in self.rfile:
            self.wfile.write(l)

socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", 12345), E).serve_forever()
