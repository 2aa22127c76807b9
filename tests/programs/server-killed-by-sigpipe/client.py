import socket, sys, time

def wait_for_server():
    while True:
        try:
            socket.create_connection(("127.0.0.1", 12345)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.2)

wait_for_server()
s = socket.create_connection(("127.0.0.1", 12345))
f = s.makefile("rw")
print(f.readline(), f.readline())
f.write("hello\n")
f.flush()
reply = f.readline()
print(reply)
if reply != "hello\n":
    sys.exit("no echo")
