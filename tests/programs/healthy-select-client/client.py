import select
import socket

s = socket.socket()
s.setblocking(False)
try:
    s.connect(("127.0.0.1", 12345))
except BlockingIOError:
    pass
select.select([], [s], [])
s.send(b"non-blocking hello")
got = b""
while len(got) < 18:
    try:
        got += s.recv(100)
    except BlockingIOError:
        select.select([s], [], [])
print(got)
s.close()
