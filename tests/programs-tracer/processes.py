"""Children of every kind swallow an exception; the parent too."""
import multiprocessing
import os
import subprocess
import sys


def swallow():
    try:
        int("x")
    except ValueError:
        pass


def forked():
    pid = os.fork()
    swallow()
    if pid == 0:
        os._exit(3)
    print("forked child:", os.waitpid(pid, 0)[1] >> 8)


def main():
    forked()
    forked()
    for method in ("fork", "spawn", "forkserver"):
        child = multiprocessing.get_context(method).Process(target=swallow)
        child.start()
        child.join()
        print(method, child.exitcode)
    if len(sys.argv) < 2:
        print(subprocess.run([sys.executable, __file__, "again"], stdout=subprocess.PIPE).stdout.decode())


if __name__ == "__main__":
    main()
