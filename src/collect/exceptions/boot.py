# Runs a Python program as `python` itself would, with netdiag's tracer inside. Python 2 must be able to read this.
import os
import sys

_here = os.path.dirname(sys.argv[0])


def _native():
    """Runs the program without us: the same command line without our name in it."""
    with open("/proc/self/cmdline", "rb") as _line:
        words = _line.read().split(b"\0")[:-1]
    words.remove(os.fsencode(sys.argv[0]) if hasattr(os, "fsencode") else sys.argv[0])
    os.environ["NETDIAG_BOOT"] = "no"
    os.execv(sys.executable, words)


if sys.version_info < (3, 8) or len(sys.argv) < 2:
    _native()

try:
    sys.modules["_netdiag"] = type(sys)("_netdiag")
    sys.modules["_netdiag"].__path__ = [os.path.join(_here, "_netdiag")]
    from _netdiag import main as _main

    if sys.argv[0] in getattr(sys, "orig_argv", ()):
        sys.orig_argv.remove(sys.argv[0])
    _main.prepare(
        os.path.join(os.path.dirname(_here), "socket"),
        os.path.basename(sys.argv[0])[:-3].replace("-", ":"),
        "sitecustomize" if os.environ.pop("NETDIAG_BOOT", "") == "site" else "boot",
        sys.argv[1:],
    )
except Exception:
    _native()

for _name in ("os", "sys", "_here", "_native", "_name"):
    globals().pop(_name)
globals().pop("_main").execute()
