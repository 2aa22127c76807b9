import os
import socket

os.closerange(3, 4096)
pair = socket.socketpair()
print([one.fileno() for one in pair])
for number in range(1000, 1004):
    os.dup2(pair[0].fileno(), number)
try:
    int("x")
except ValueError:
    pass
pair[1].setblocking(False)
try:
    print(pair[1].recv(100))
except BlockingIOError:
    print("nothing arrived")
