import logging
import socketserver

log = logging.getLogger("echod")


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        log.info("connection from %s", self.client_address)
        for line in self.rfile:
            self.wfile.write(line)


class Service(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
