import selectors, socket

sel = selectors.DefaultSelector()
for port in (12345, 12399):
    l = socket.create_server(("127.0.0.1", port))
    sel.register(l, selectors.EVENT_READ, port)

while True:
    for key, _ in sel.select():
        if key.data:
            c, _ = key.fileobj.accept()
            if key.data == 12399:
                c.sendall(b"statistics: 0 errors\n")
                c.close()
            else:
                sel.register(c, selectors.EVENT_READ, None)
        else:
            d = key.fileobj.recv(1000)
            if d:
                key.fileobj.sendall(d)
            else:
                sel.unregister(key.fileobj)
                key.fileobj.close()
