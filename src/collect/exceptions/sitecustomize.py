# Brings netdiag's tracer into a Python that netdiag did not start itself. Python 2 must be able to read this.
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_boot = os.environ.get("NETDIAG_BOOT", "")


def _main(words):
    """Where the script or `-m` stands among the words of a Python command line, or nothing."""
    index = 1
    while index < len(words):
        word = words[index]
        if word == "-m" or not word.startswith("-"):
            return index
        if word == "--check-hash-based-pycs" or word in ("-W", "-X"):
            index += 1
        elif word.startswith(("-W", "-X")):
            pass
        elif word == "-" or word.startswith("--") or set(word[1:]) - set("bBdEiIOPqRsStuv"):
            return None
        index += 1
    return None


def _enter():
    """Starts the program anew through the boot script, or attaches to it as it is."""
    with open("/proc/self/cmdline", "rb") as line:
        words = [os.fsdecode(word) for word in line.read().split(b"\0")[:-1]]
    place = os.path.dirname(_here)
    part = os.environ["NETDIAG_PART"]
    at = _main(words)
    if _boot != "no" and at is not None and os.path.isfile(words[at]):
        boot = os.path.join(place, part.replace(":", "-") + ".py")
        os.environ["NETDIAG_BOOT"] = "site"
        os.execv(sys.executable, words[:at] + [boot] + words[at:])
    sys.modules["_netdiag"] = type(sys)("_netdiag")
    sys.modules["_netdiag"].__path__ = [os.path.join(place, "_netdiag")]
    from _netdiag import imports, main

    os.environ.pop("NETDIAG_BOOT", None)
    if at is not None and words[at] == "-m":
        imports.State.off = words[at + 1].partition(".")[0] in imports.TRACERS
    main.attach(main.dial(os.environ["NETDIAG_TRACE"], part, "sitecustomize"))
    if any("multiprocessing" in word for word in words):
        main.spawned()


def _next():
    """The sitecustomize that ours stands in front of, if there is one."""
    sys.path[:] = [one for one in sys.path if os.path.abspath(one) != _here]
    if sys.version_info < (3, 8):
        import imp

        imp.load_module("sitecustomize", *imp.find_module("sitecustomize", sys.path))
        return
    spec = sys.modules["_frozen_importlib_external"].PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None:
        module = sys.modules["_frozen_importlib"].module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if sys.version_info >= (3, 8) and _boot not in ("yes", "site") and "NETDIAG_TRACE" in os.environ:
    try:
        _enter()
    except Exception:
        pass
_next()
