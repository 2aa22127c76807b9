import socket
import time

sock = socket.create_connection(("127.0.0.1", 12345))
stream = sock.makefile("rwb")
for text in (b"one\n", b"two\n"):
    stream.write(text)
    stream.flush()
    assert stream.readline() == text
    time.sleep(0.3)
print("now I say nothing until the server ends it")
began = time.monotonic()
rest = stream.read()
print("closed after", round(time.monotonic() - began, 1), "s;", len(rest), "bytes left")
