import socket
import select

buffer = b""
listener = socket.create_server(("127.0.0.1", 12345))
socks = [listener]
while True:
    readable, _, _ = select.select(socks, [], [])
    for r in readable:
        if r is listener:
            c, _ = listener.accept()
            socks.append(c)
        else:
            data = r.recv(1024)
            if not data:
                socks.remove(r)
                r.close()
            else:
                buffer += data
                r.sendall(buffer)
