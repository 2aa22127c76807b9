import socket

def main():
    s = socket.create_server(("127.0.0.1", 12345))
    while True:
        conn, addr = s.accept()
        print("connected:", addr)
        rf = conn.makefile("r")
        while True:
            cmd = rf.readline()
            if not cmd or cmd.strip() == "quit":
                break
            conn.sendall(cmd.encode())
        rf.close()
        conn.close()

main()
