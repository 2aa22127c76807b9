import socket

s = socket.create_connection(("::1", 12345))
f = s.makefile("rw", newline="\n")
f.write("hello over six\n")
f.flush()
print(f.readline(), end="")
f.close()
s.close()
