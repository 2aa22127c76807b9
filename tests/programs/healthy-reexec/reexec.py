"""Binds, then starts itself anew with the socket passed on, as servers do that renew themselves."""
import os
import socket
import sys
import threading


def serve(conn):
    with conn:
        while data := conn.recv(4096):
            conn.sendall(data)


def main():
    inherited = os.environ.get("LISTEN_FD")
    if inherited is None:
        listener = socket.create_server(("127.0.0.1", 5656))
        listener.set_inheritable(True)
        os.environ["LISTEN_FD"] = str(listener.fileno())
        os.execv(sys.executable, [sys.executable, "-u", __file__])
    listener = socket.socket(fileno=int(inherited))
    print("renewed", flush=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


main()
