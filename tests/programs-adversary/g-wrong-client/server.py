import socket, select
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345)); s.listen(16)
cs=[]
while True:
    r,_,_=select.select([s]+cs,[],[])
    for x in r:
        if x is s: cs.append(s.accept()[0])
        else:
            d=x.recv(1000)
            if not d: cs.remove(x); x.close(); continue
            cs[-1].sendall(d)
