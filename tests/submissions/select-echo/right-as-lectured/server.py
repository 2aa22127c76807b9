# As in the lecture: what one recv returns is one message.
import select, socket

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 5000))
s.listen(5)
socks = [s]
while 1:
    r, w, x = select.select(socks, [], socks)
    for k in r:
        if k == s:
            c, a = s.accept()
            print('Connected', a)
            socks.append(c)
        else:
            d = k.recv(1024)
            if d:
                k.send('Echo : '.encode() + d)
            else:
                k.close()
                socks.remove(k)
