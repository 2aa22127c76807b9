import socketserver

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(data, self.client_address)

socketserver.UDPServer.max_packet_size = 65535
socketserver.UDPServer(("127.0.0.1", 12345), Echo).serve_forever()
