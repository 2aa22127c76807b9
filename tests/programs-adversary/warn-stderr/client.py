import sys,warnings
print('WARNING: config not found, Error: using defaults',file=sys.stderr)
import socket
with socket.create_connection(("127.0.0.1", 12345)) as c:
    f = c.makefile("rw", newline="\n")
    for w in ("one", "two"):
        f.write(w + "\n"); f.flush()
        print(f.readline().strip())
