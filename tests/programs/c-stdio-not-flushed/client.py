import socket
with socket.create_connection(("127.0.0.1", 12345)) as sock:
    f = sock.makefile("rw")
    print("hello", file=f, flush=True)
    print(f.readline())
