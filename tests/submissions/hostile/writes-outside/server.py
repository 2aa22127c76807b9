"""Echoes rightly unless it can write where it must not."""
import os
import socket

written = []
for place in ("/netdiag-was-here", "/usr/netdiag-was-here", "/etc/netdiag-was-here", "/root/netdiag-was-here",
              "/proc/sys/kernel/core_pattern"):
    try:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT))
        written.append(place)
    except OSError:
        pass
server = socket.create_server(("127.0.0.1", 9999))
while True:
    connection, _ = server.accept()
    with connection:
        for line in connection.makefile("rb"):
            connection.sendall(b"wrote " + repr(written).encode() + b"\n" if written else line)
