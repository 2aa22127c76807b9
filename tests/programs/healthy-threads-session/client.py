import socket

def recv_all(sock, n):
    buf = b''
    while len(buf) < n:
        part = sock.recv(n - len(buf))
        if not part:
            raise EOFError('server went away')
        buf += part
    return buf

with socket.create_connection(('127.0.0.1', 12345)) as sock:
    for word in (b'alpha', b'beta', b'gamma delta'):
        sock.sendall(word)
        print(recv_all(sock, len(word)).decode())
