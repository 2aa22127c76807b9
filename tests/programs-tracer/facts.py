"""Prints what a program can easily see of how it is being run."""
import inspect
import os
import pickle
import socket
import sys
import threading
import traceback
import warnings

import neighbour


class Thing:
    pass


def depth():
    try:
        return depth() + 1
    except RecursionError:
        return 0


def main():
    print(sys.argv, __name__, __file__, __package__, __spec__ and __spec__.name, __doc__)
    print(sorted(globals()), type(__loader__).__name__, __loader__.path)
    print(sys.path, sys.flags, sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__)
    print([one.name for one in threading.enumerate()], threading.active_count(), sys.getrecursionlimit())
    print(socket.socket().fileno(), sys.modules["__main__"].Thing is Thing, pickle.loads(pickle.dumps(Thing)))
    print([frame.function for frame in inspect.stack()], depth() > 100)
    traceback.print_stack()
    neighbour.warn()
    neighbour.fail()
    print(os.path.basename(neighbour.__file__), neighbour.__spec__.name)


def warn_above():
    warnings.warn("far above", stacklevel=5)


warn_above()
main()
