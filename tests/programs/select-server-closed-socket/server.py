import select
import socket

main = socket.create_server(("127.0.0.1", 12345))
watched = [main]
while True:
    ready, _, _ = select.select(watched, [], [])
    for s in ready:
        if s is main:
            watched.append(main.accept()[0])
            continue
        data = s.recv(1024)
        if data:
            s.sendall(data)
        else:
            s.close()
