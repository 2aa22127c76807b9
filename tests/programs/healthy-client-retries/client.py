import socket, sys, time

for attempt in range(100):
    try:
        s = socket.create_connection(("127.0.0.1", 12345))
        break
    except ConnectionRefusedError:
        time.sleep(0.2)
else:
    sys.exit("gave up")

s.sendall(b"are you up?\n")
print(s.makefile().readline().strip())
s.close()
