import socketserver

class MyUDPHandler(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request[0].strip()
        socket = self.request[1]
        socket.sendto(data.upper(), self.client_address)

if __name__ == "__main__":
    with socketserver.UDPServer(("localhost", 9999), MyUDPHandler) as server:
        server.serve_forever()
