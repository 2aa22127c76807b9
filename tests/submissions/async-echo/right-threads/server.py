import socketserver


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            for line in self.rfile:
                self.wfile.write(b"ECHO: " + line)
        except ConnectionResetError as error:
            print("reset", error)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


with Server(("127.0.0.1", 9999), Handler) as server:
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
