"""Greets, and answers each line half a second late, stripped of its line end."""
import socketserver
import sys
import time


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"Welcome to the echo server\n")
        for line in self.rfile:
            time.sleep(0.5)
            self.wfile.write(line.strip())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


with Server(("127.0.0.1", int(sys.argv[1])), Echo) as server:
    server.serve_forever()
