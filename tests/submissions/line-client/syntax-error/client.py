import socket
with socket.create_connection(("127.0.0.1", 12345) as connection:
    pass
