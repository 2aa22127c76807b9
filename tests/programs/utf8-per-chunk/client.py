import socket
s = socket.create_connection(("127.0.0.1", 12345))
msg = ("Köln: " + "ä" * 40 + "\n").encode()
s.sendall(msg)
f = s.makefile("rb")
try:
    line = f.readline()
    print("echo:" if line.endswith(b"\n") else "cut off:", line.decode(errors="replace"))
except OSError as e:
    print("server gone:", e)
