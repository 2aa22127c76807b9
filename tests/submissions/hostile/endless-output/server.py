import os
import threading


def shout():
    while True:
        os.write(1, b"x" * 65536)
        os.write(2, b"y" * 65536)


threading.Thread(target=shout, daemon=True).start()
exec(open(__file__.replace("server.py", "echo.txt")).read())
