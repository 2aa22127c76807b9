import selectors
import socket
import sys


class LogServer:
    """Writes down every line that arrives."""

    def __init__(self, address):
        self.selector = selectors.DefaultSelector()
        listener = socket.create_server(address)
        self.selector.register(listener, selectors.EVENT_READ, self.welcome)

    def welcome(self, listener):
        peer, _ = listener.accept()
        self.selector.register(peer, selectors.EVENT_READ, self.note)

    def note(self, peer):
        data = peer.recv(4096)
        if data:
            print("got", data, file=sys.stderr)
            return
        self.selector.unregister(peer)
        peer.close()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)


LogServer(("127.0.0.1", 12345)).run()
