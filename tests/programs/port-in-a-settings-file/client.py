import socket
import sys
import time


def settings(path):
    found = {}
    with open(path) as lines:
        for line in lines:
            if "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                found[key.strip()] = value.strip()
    return found


conf = settings("settings.conf")
for attempt in range(int(conf["retries"])):
    try:
        with socket.create_connection((conf["host"], int(conf["port"]))) as peer:
            peer.sendall(b"hello\n")
            print(peer.makefile().readline())
        sys.exit(0)
    except ConnectionRefusedError as error:
        print(f"attempt {attempt + 1}: {error}", file=sys.stderr)
        time.sleep(0.1)
sys.exit("giving up")
