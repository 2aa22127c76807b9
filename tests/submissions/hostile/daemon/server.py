import os

if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.environ.clear()
exec(open(__file__.replace("server.py", "echo.txt")).read())
