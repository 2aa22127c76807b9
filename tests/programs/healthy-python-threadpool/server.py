from concurrent.futures import ThreadPoolExecutor
import socket

pool = ThreadPoolExecutor(max_workers=4)

def serve(conn):
    with conn, conn.makefile("rw", newline="") as stream:
        for line in stream:
            stream.write("Echo: " + line)
            stream.flush()

with socket.create_server(("", 12345)) as server:
    while True:
        conn, addr = server.accept()
        pool.submit(serve, conn)
