import select
import socket

with socket.create_server(("127.0.0.1", 5000), backlog=100) as listener, select.epoll() as epoll:
    epoll.register(listener.fileno(), select.EPOLLIN)
    connections, buffers = {}, {}
    while True:
        for fileno, event in epoll.poll(1):
            if fileno == listener.fileno():
                connection, _ = listener.accept()
                epoll.register(connection.fileno(), select.EPOLLIN)
                connections[connection.fileno()] = connection
                buffers[connection.fileno()] = bytearray()
            elif event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = connections[fileno].recv(512)
                if not data:
                    epoll.unregister(fileno)
                    connections.pop(fileno).close()
                    continue
                buffers[fileno] += data
                while (end := buffers[fileno].find(b"\n")) >= 0:
                    connections[fileno].sendall(b"Echo : " + buffers[fileno][: end + 1])
                    del buffers[fileno][: end + 1]
