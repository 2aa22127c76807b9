import socket

with socket.create_server(("127.0.0.1", 12345)) as srv:
    while True:
        conn, _ = srv.accept()
        with conn:
            while True:
                chunk = conn.recv(16)
                if not chunk:
                    break
                text = chunk.decode("utf-8")
                print("recv", text)
                conn.sendall(text.encode("utf-8"))
