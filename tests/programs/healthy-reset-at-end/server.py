import socket, threading

def work(c):
    try:
        while True:
            d = c.recv(1000)
            if not d:
                break
            c.sendall(d)
    except ConnectionResetError:
        print("client hung up hard")
    finally:
        c.close()

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 12345))
s.listen(5)
while True:
    threading.Thread(target=work, args=(s.accept()[0],), daemon=True).start()
