import socketserver

class LineHandler(socketserver.StreamRequestHandler):
    def handle(self):
        for raw in self.rfile:
            text = raw.strip().decode()
            self.wfile.write(text.encode())

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 12345), LineHandler).serve_forever()
