import socket

listener = socket.create_server(("127.0.0.1", 12345))
while True:
    peer, _ = listener.accept()
    with peer:
        chunks = []
        while True:
            chunk = peer.recv(2048)
            if not chunk:
                break
            chunks.append(chunk)
        peer.sendall(b"".join(chunks))
