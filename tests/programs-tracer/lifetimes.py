"""Sockets are closed by losing their last name; looking at them must not keep them."""
import socket


def held():
    here, there = socket.socketpair()
    try:
        here.recv(10, socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass
    try:
        raise ConnectionResetError(104, "about " + here.__class__.__name__)
    except OSError:
        pass
    here = None
    print(there.recv(10))


def held_in_a_failed_call():
    def call():
        inner, outer = socket.socketpair()
        kept.append(outer)
        socket.socket.connect(inner, ("127.0.0.1", 1))

    kept = []
    try:
        call()
    except OSError:
        pass
    print(kept[0].recv(10))


held()
held_in_a_failed_call()
