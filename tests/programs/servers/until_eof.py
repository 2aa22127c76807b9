"""Answers everything a client has sent, once it has half-closed."""
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"ECHO: " + self.rfile.read())


class Server(socketserver.ThreadingTCPServer):
    def handle_error(self, request, client_address):
        pass


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
