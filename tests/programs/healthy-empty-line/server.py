import socketserver
class H(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line:
                break
            self.wfile.write(line)
class S(socketserver.ForkingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
S(("127.0.0.1", 12345), H).serve_forever()
