"""Echoes rightly unless it finds what it must not see."""
import os
import socket

found = []
for top in ("/tmp", "/var/tmp", "/home", "/root"):
    for path, directories, files in os.walk(top):
        if path.count("/") > 8:
            directories.clear()
        found += [file for file in files if file in ("results.json", "hostile.toml", "forged.txt")]
server = socket.create_server(("127.0.0.1", 9999))
while True:
    connection, _ = server.accept()
    with connection:
        for line in connection.makefile("rb"):
            connection.sendall(b"found " + repr(found).encode() + b"\n" if found else line)
