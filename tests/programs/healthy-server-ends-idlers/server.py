"""Echo service that sends sleepers home after 1.5 s without a line."""
import socket
import threading

IDLE = 1.5


def serve(conn):
    conn.settimeout(IDLE)
    with conn, conn.makefile("rwb") as stream:
        try:
            for line in stream:
                stream.write(line)
                stream.flush()
        except TimeoutError:
            print("idle, goodbye", flush=True)


listener = socket.create_server(("127.0.0.1", 12345))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
