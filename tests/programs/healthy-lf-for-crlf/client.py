import socket
import sys

with socket.create_connection(("127.0.0.1", 12345)) as peer:
    stream = peer.makefile("rw", newline="\r\n", encoding="ascii")
    answers = peer.makefile("r", encoding="ascii")
    for word in ("uno", "due", "tre"):
        print(word, file=stream, flush=True)
        answer = answers.readline().rstrip()
        if answer != word:
            sys.exit(f"asked {word}, got {answer}")
