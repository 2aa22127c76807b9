import selectors
import socket

sel = selectors.DefaultSelector()


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.inbox = b""
        self.outbox = b""
        self.closing = False
        sock.setblocking(False)
        sel.register(sock, selectors.EVENT_READ, self)

    def ready(self, mask):
        if mask & selectors.EVENT_READ:
            self.read()
        if mask & selectors.EVENT_WRITE:
            self.write()
        self.watch()

    def read(self):
        try:
            data = self.sock.recv(4096)
        except ConnectionResetError:
            data, self.outbox = b"", b""
        if not data:
            self.closing = True
        self.inbox += data
        end = self.inbox.rfind(b"\n") + 1
        self.outbox += self.inbox[:end]
        self.inbox = self.inbox[end:]

    def write(self):
        sent = self.sock.send(self.outbox)
        self.outbox = self.outbox[sent:]

    def watch(self):
        if self.closing and not self.outbox:
            sel.unregister(self.sock)
            self.sock.close()
            return
        mask = 0 if self.closing else selectors.EVENT_READ
        if self.outbox:
            mask |= selectors.EVENT_WRITE
        sel.modify(self.sock, mask, self)


def main():
    listener = socket.create_server(("127.0.0.1", 12345))
    listener.setblocking(False)
    sel.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, mask in sel.select():
            if key.data is None:
                Client(key.fileobj.accept()[0])
            else:
                key.data.ready(mask)


main()
