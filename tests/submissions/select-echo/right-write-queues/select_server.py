import queue
import select
import socket


class SelectServer:
    def __init__(self, address):
        self.listener = socket.create_server(address, backlog=16)
        self.listener.setblocking(False)
        self.inputs = {self.listener}
        self.outputs = {}
        self.rest = {}

    def run(self):
        while True:
            writable = [sock for sock, out in self.outputs.items() if not out.empty()]
            readable, writable, broken = select.select(self.inputs, writable, self.inputs)
            for sock in readable:
                self.accept() if sock is self.listener else self.read(sock)
            for sock in writable:
                if sock in self.outputs:
                    sock.sendall(self.outputs[sock].get_nowait())
            for sock in broken:
                self.drop(sock)

    def accept(self):
        sock, _ = self.listener.accept()
        self.inputs.add(sock)
        self.outputs[sock] = queue.Queue()
        self.rest[sock] = b""

    def read(self, sock):
        try:
            data = sock.recv(4096)
        except ConnectionResetError as error:
            print("reset:", error)
            data = b""
        if not data:
            return self.drop(sock)
        *lines, self.rest[sock] = (self.rest[sock] + data).split(b"\n")
        for line in lines:
            self.outputs[sock].put(b"Echo : %s\n" % line)

    def drop(self, sock):
        self.inputs.discard(sock)
        self.outputs.pop(sock, None)
        self.rest.pop(sock, None)
        sock.close()


SelectServer(("127.0.0.1", 5000)).run()
