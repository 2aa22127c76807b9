"""Reads everything and never answers."""
import socketserver
import sys


class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline():
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


with Server(("127.0.0.1", int(sys.argv[1])), Sink) as server:
    server.serve_forever()
