import socket, ssl

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
with socket.create_connection(("127.0.0.1", 12345)) as raw:
    with context.wrap_socket(raw) as s:
        s.sendall(b"secret hello\n")
        print(s.recv(100))
