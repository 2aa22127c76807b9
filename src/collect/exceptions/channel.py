"""The line to netdiag: events as JSON lines on a Unix stream socket, requests as lines back.

Whatever goes wrong here (no socket, a full one, one the program closed), the program must never notice: nothing
blocks, nothing is printed, no descriptor the program may get is used, and what does not fit is counted and dropped.
"""

import sys
import time
from _collections import deque
from _socket import AF_UNIX, MSG_DONTWAIT, SHUT_RDWR, SOCK_STREAM, socket
from _thread import allocate_lock

import os

import _socket

try:
    from _json import encode_basestring_ascii as quote
except ImportError:
    from json.encoder import py_encode_basestring_ascii as quote

NO_SIGNAL = getattr(_socket, "MSG_NOSIGNAL", 0)
# The functions are bound here, before a program may replace them with its own.
now, sleep, getpid, fstat = time.time_ns, time.sleep, os.getpid, os.fstat
QUEUE, LINE, EVENTS = 512, 60_000, 1_000


def encode(value):
    """JSON of plain values; text is forced into what JSON can carry."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return int.__repr__(value)
    if type(value) is float:
        return float.__repr__(value)
    if type(value) is str:
        return quote(value.encode("utf-8", "replace").decode())
    if type(value) is dict:
        return "{" + ",".join(encode(key) + ":" + encode(item) for key, item in value.items()) + "}"
    return "[" + ",".join(encode(item) for item in value) + "]"


class Line(socket):
    """A socket that is never closed behind the program's back: its number may be the program's by then."""

    __slots__ = ()

    def __del__(self):
        self.detach()


def high_descriptor(sock):
    """The same socket under a number the program will not meet: programs print their descriptors."""
    import fcntl

    for least in (1000, 500, 200, 50):
        try:
            number = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, least)
        except (OSError, ValueError):
            continue
        sock.close()
        return Line(AF_UNIX, SOCK_STREAM, 0, number)
    return Line(AF_UNIX, SOCK_STREAM, 0, sock.detach())


class Channel:
    """One process's line to netdiag."""

    def __init__(self, path, part, way):
        self.path, self.part, self.way = path, part, way
        self.queue = deque()
        self.lock = allocate_lock()
        self.rest = b""
        self.sock = None
        self.inode = None
        self.events = 0
        self.omitted = 0
        self.asyncio = False
        self.reopened = 0
        self.when_reopened = lambda: None

    def open(self):
        """Connects and says hello; on failure the channel stays silent."""
        try:
            sock = socket(AF_UNIX, SOCK_STREAM)
            if not self.dial(sock):
                sock.close()
                return
            sock = high_descriptor(sock)
            sock.settimeout(None)
            seen = fstat(sock.fileno())
            self.sock, self.inode, self.rest = sock, (seen.st_dev, seen.st_ino), b""
        except OSError:
            return
        self.send(
            {
                "e": "hello",
                "t": now(),
                "pid": getpid(),
                "part": self.part,
                "way": self.way,
                "interpreter": interpreter(),
                "asyncio": self.asyncio,
            }
        )

    def dial(self, sock):
        """Whether netdiag took the call; a full backlog is tried again a few times, never waited for."""
        sock.settimeout(0)
        for _ in range(40):
            try:
                sock.connect(self.path)
                return True
            except BlockingIOError:
                sleep(0.005)
        return False

    def ours(self):
        """Whether the descriptor is still our socket: a program may close everything and reuse the number."""
        try:
            seen = fstat(self.sock.fileno())
        except (OSError, AttributeError):
            return False
        return (seen.st_dev, seen.st_ino) == self.inode

    def forget(self):
        """Gives up the descriptor without closing it, because it may be the program's by now."""
        sock, self.sock = self.sock, None
        if sock is not None:
            sock.detach()

    def emit(self, event):
        """Sends an observation, within the limit of how many one process may send."""
        self.events += 1
        if self.events > EVENTS:
            self.omitted += 1
            return
        event["t"] = now()
        self.send(event)

    def send(self, event):
        """Sends a line now, or as soon as the socket takes it."""
        if self.sock is None and not self.queue:
            return
        line = (encode(event) + "\n").encode("ascii")
        if len(self.queue) >= QUEUE or len(line) > LINE:
            self.omitted += 1
            return
        self.queue.append(line)
        self.flush()

    def flush(self, patient=False):
        """Writes what waits. Another thread that is writing already takes our lines along."""
        while self.queue or self.rest:
            if not self.lock.acquire(False):
                return
            try:
                if not self.drain(patient):
                    return
            finally:
                self.lock.release()

    def drain(self, patient):
        """Writes until nothing waits; false when the socket takes no more. Only our own thread is `patient`."""
        if self.sock is None or not (self.ours() or self.reopen()):
            self.queue.clear()
            self.rest = b""
            return False
        flags = NO_SIGNAL if patient else NO_SIGNAL | MSG_DONTWAIT
        while self.rest or self.queue:
            if not self.rest:
                self.rest = self.queue.popleft()
            try:
                sent = self.sock.send(self.rest, flags)
            except BlockingIOError:
                return False
            except OSError:
                # netdiag is gone: silence from here on.
                self.sock.close()
                self.sock = None
                return False
            self.rest = self.rest[sent:]
        return True

    def reopen(self):
        """The program closed its descriptors, ours among them: call again, a few times at most."""
        self.forget()
        self.reopened += 1
        if self.reopened > 3:
            return False
        waiting = list(self.queue)
        self.queue.clear()
        self.open()
        self.queue.extend(waiting)
        self.when_reopened()
        return self.sock is not None

    def hang_up(self):
        """Ends this connection; the reader of its other direction wakes up and ends too."""
        self.flush()
        if self.sock is not None and self.ours():
            try:
                self.sock.shutdown(SHUT_RDWR)
            except OSError:
                pass
            self.sock.close()
        else:
            self.forget()
        self.sock = None

    def in_child(self):
        """After a fork: a line of its own for the new process."""
        self.lock, self.rest = allocate_lock(), b""
        self.queue.clear()
        self.events = self.omitted = 0
        self.sock = None
        self.open()

    def close(self):
        """At exit: says how much was left out. The descriptor is left to the end of the process."""
        if self.omitted:
            self.send({"e": "omitted", "n": self.omitted})
        self.flush()


def interpreter():
    """Name and version, such as `python 3.11.2`."""
    name = sys.implementation.name
    return "%s %d.%d.%d" % (("python" if name == "cpython" else name,) + tuple(sys.version_info[:3]))
