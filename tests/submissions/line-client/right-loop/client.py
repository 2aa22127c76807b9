import socket

with socket.socket() as s:
    s.settimeout(1)
    s.connect(("127.0.0.1", 12345))
    s.sendall("grüße\n".encode())
    reply = b""
    while not reply.endswith(b"\n"):
        piece = s.recv(16)
        if not piece:
            raise SystemExit("the server closed too early")
        reply += piece
    print(reply.decode())
