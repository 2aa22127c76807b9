"""Echoes text lines, one thread per connection; refuses what is not UTF-8."""
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                return
            self.wfile.write(text.encode("utf-8"))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
