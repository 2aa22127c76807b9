"""Serves only if it could neither leave the cgroup it is in nor raise a limit, by no way that it knows."""

import ctypes
import glob
import os
import socket
import subprocess
import sys

NEW_MOUNTS, NEW_CGROUPS, NEW_USERS = 0x20000, 0x2000000, 0x10000000
CONTROLS = ("cgroup.procs", "memory.max", "pids.max")

libc = ctypes.CDLL(None, use_errno=True)


def written(path, text):
    try:
        with open(path, "w") as file:
            file.write(text)
        return True
    except OSError:
        return False


def controls_of(top):
    return [path for control in CONTROLS for path in glob.glob(f"{top}/**/{control}", recursive=True)]


def raised(paths):
    return [path for path in paths if written(path, "0" if path.endswith("procs") else "max")]


def from_a_namespace():
    """As root in namespaces of its own it may mount what it lives in, and what lies below."""
    user = os.getuid()
    if libc.unshare(NEW_USERS | NEW_MOUNTS | NEW_CGROUPS) != 0:
        return []
    written("/proc/self/setgroups", "deny")
    written("/proc/self/uid_map", f"0 {user} 1")
    os.makedirs("/tmp/seen", exist_ok=True)
    if libc.mount(b"none", b"/tmp/seen", b"cgroup2", 0, None) != 0:
        return []
    return raised(path for path in controls_of("/tmp/seen") if not path.endswith("procs"))


if len(sys.argv) > 1:
    print(*from_a_namespace())
    raise SystemExit

before = open("/proc/self/cgroup").read()
escapes = raised(controls_of("/sys/fs/cgroup"))
escapes += raised(path for fd in glob.glob("/proc/1/fd/*") for path in controls_of(fd))
# An interpreter that loads nothing has one thread only, as a new user namespace demands.
escapes += subprocess.check_output([sys.executable, "-IS", __file__, "inside"], text=True).split()
if escapes or open("/proc/self/cgroup").read() != before:
    raise SystemExit(f"left its limits: {escapes}")

server = socket.create_server(("127.0.0.1", 9999))
while True:
    connection, _ = server.accept()
    with connection:
        for line in connection.makefile("rb"):
            connection.sendall(line)
