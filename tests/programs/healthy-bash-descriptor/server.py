import socketserver


class Lines(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
            if line.strip().lower() == b"quit":
                break


class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    allow_reuse_address = True


with Server(("localhost", 12345), Lines) as server:
    server.serve_forever(poll_interval=0.1)
