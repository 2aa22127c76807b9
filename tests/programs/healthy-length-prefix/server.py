import socket
import struct
import threading

def exactly(sock, n):
    out = b""
    while len(out) < n:
        more = sock.recv(n - len(out))
        if not more:
            return None
        out += more
    return out

def session(sock):
    while (head := exactly(sock, 4)) is not None:
        (size,) = struct.unpack("!I", head)
        body = exactly(sock, size)
        if body is None:
            break
        sock.sendall(head + body)
    sock.close()

srv = socket.create_server(("127.0.0.1", 12345))
while True:
    threading.Thread(target=session, args=(srv.accept()[0],), daemon=True).start()
