import socket
import sys

with socket.create_connection(("127.0.0.1", 12345)) as peer:
    answers = peer.makefile("rb")
    for word in (b"uno", b"due", b"tre"):
        peer.sendall(word + b"\r\n")
        answer = answers.readline()
        if not answer:
            sys.exit(f"no answer to {word.decode()}")
        print(answer.decode().rstrip())
