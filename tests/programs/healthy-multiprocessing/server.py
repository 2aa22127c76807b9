import multiprocessing
import socket

def serve(listener):
    while True:
        conn, _ = listener.accept()
        with conn:
            while data := conn.recv(4096):
                conn.sendall(data)

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 12345))
    workers = [multiprocessing.Process(target=serve, args=(listener,), daemon=True) for _ in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
