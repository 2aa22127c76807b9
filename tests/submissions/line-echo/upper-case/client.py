import argparse
import socket

parser = argparse.ArgumentParser()
parser.add_argument("message", nargs="?", default="Hello, echo")
parser.add_argument("--timeout", type=float, default=1.5)
options = parser.parse_args()

sock = socket.socket()
sock.settimeout(options.timeout)
try:
    sock.connect(("localhost", 12345))
    sock.sendall(options.message.encode() + b"\n")
    answer = bytearray()
    while not answer.endswith(b"\n"):
        chunk = sock.recv(1024)
        if not chunk:
            raise ConnectionError("the server hung up in the middle of a line")
        answer += chunk
    print(answer.decode(), end="")
except OSError as problem:
    print(f"Could not get an echo: {problem}")
    raise SystemExit(2)
finally:
    sock.close()
