import socket, sys
text = "hello\n"
with socket.create_connection(("127.0.0.1", 12345)) as s:
    s.sendall(text.encode())
    if s.recv(100) != text:
        print("FAIL: server does not echo", file=sys.stderr)
        sys.exit(2)
