import socket
import sys
import traceback

try:
    s = socket.create_connection(("127.0.0.1", 12345), 3)
    f = s.makefile("rw", newline="\n")
    print("one line", file=f, flush=True)
    answer = f.readline()
    assert answer == "one line\n", answer
    print("OK", answer, end="")
    f.close()
    s.close()
except Exception:
    traceback.print_exc()
    sys.exit(3)
