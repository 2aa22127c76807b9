import selectors
import socket
import types

sel = selectors.DefaultSelector()
messages = [b"Message 1 from client.", b"Message 2 from client."]
left = 0

for connid in range(1, 4):
    sock = socket.create_connection(("127.0.0.1", 65432))
    sock.setblocking(False)
    data = types.SimpleNamespace(connid=connid, total=sum(len(m) for m in messages), recv=0, out=list(messages), outb=b"")
    sel.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, data=data)
    left += 1

while left:
    for key, mask in sel.select():
        sock, data = key.fileobj, key.data
        if mask & selectors.EVENT_READ:
            got = sock.recv(1024)
            data.recv += len(got)
            if not got or data.recv == data.total:
                print("closing connection", data.connid)
                sel.unregister(sock)
                sock.close()
                left -= 1
                continue
        if mask & selectors.EVENT_WRITE:
            if not data.outb and data.out:
                data.outb = data.out.pop(0)
            if data.outb:
                n = sock.send(data.outb)
                data.outb = data.outb[n:]
            if not data.outb and not data.out:
                sel.modify(sock, selectors.EVENT_READ, data=data)
