import threading,time
def beat():
    while True: time.sleep(.1)
threading.Thread(target=beat,daemon=True).start()
import socket
with socket.create_connection(("127.0.0.1", 12345)) as c:
    f = c.makefile("rw", newline="\n")
    for w in ("one", "two"):
        f.write(w + "\n"); f.flush()
        time.sleep(1); print(f.readline().strip())
