import socket, sys
with socket.create_connection(("127.0.0.1", 12345)) as s, s.makefile("rw", newline="\n") as f:
    for word in ("apple", "pear", "plum"):
        f.write(word + "\n")
        f.flush()
        back = f.readline().rstrip("\n")
        if back != word:
            print(f"sent {word!r}, got {back!r}", file=sys.stderr)
            sys.exit(1)
