"""Answers one line per connection in upper case, then hangs up."""
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())


class Server(socketserver.ThreadingTCPServer):
    def handle_error(self, request, client_address):
        pass


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
