import socket
import sys

HOST, PORT = "127.0.0.1", 12345


def main():
    with socket.create_connection((HOST, PORT), timeout=2) as sock:
        lines = sock.makefile("rwb")
        lines.write(b"good morning\n")
        lines.flush()
        answer = lines.readline()
        if answer != b"good morning\n":
            return f"unexpected answer {answer!r}"
        print(answer.decode().rstrip())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"error: {error}")
