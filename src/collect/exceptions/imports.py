"""Puts the hooks into the user's modules as they are imported, and into the main script.

The bytecode Python caches stays Python's own: what is changed is made anew in every process and never written.
"""

import builtins
import sys

from . import handlers, seen, source

# Code that traces itself would see our calls; it gets none.
TRACING = (b"settrace", b"setprofile", b"sys.monitoring")
SIGNS = (b"except", b"connection_lost", b"error_received", b"handle_error")
# Modules that run the main script under a tracer of their own.
TRACERS = frozenset("trace profile cProfile pdb coverage viztracer kernprof line_profiler".split())


class State:
    """Whether no hooks are put in at all."""

    off = False


def offer():
    """Makes the hooks reachable; before this no code may have any in it."""
    setattr(builtins, handlers.HOOK, seen.caught)
    setattr(builtins, handlers.VALUE, seen.given)
    setattr(builtins, handlers.RESULTS, seen.results)
    setattr(builtins, handlers.DEEP, RecursionError)


def install():
    """Instruments what is imported from now on."""
    loader = sys.modules["_frozen_importlib_external"].SourceLoader
    original = loader.get_code

    def get_code(self, fullname):
        code = original(self, fullname)
        return with_hooks(code) or code

    # Python leaves the frames of its import system out of tracebacks by this name.
    get_code.__code__ = get_code.__code__.replace(co_filename="<frozen importlib._bootstrap_external>")
    loader.get_code = get_code


def turn_off():
    """From now on nothing of ours is called; `slice` is a type that takes what the hooks take."""
    State.off = True
    setattr(builtins, handlers.HOOK, slice)
    setattr(builtins, handlers.VALUE, slice)


def with_hooks(code):
    """The module's code with hooks, or nothing when it needs none."""
    try:
        name = code.co_filename
        if State.off or not source.is_user(name):
            return None
        data = source.text(name)
        if worth_it(data):
            return source.quietly(build, data, name)
    except Exception:
        pass
    return None


def worth_it(data):
    """Whether there is anything to hook; turns everything off for code that traces."""
    if any(sign in data for sign in TRACING):
        turn_off()
        return False
    return not State.off and len(data) < source.LARGEST and any(sign in data for sign in SIGNS)


def build(data, name):
    """Code with hooks."""
    tree = source.parse(data, name)
    if handlers.instrument(tree, name) == 0:
        return None
    source.trees[name] = tree
    return compile(tree, name, "exec", 0, True)


def main_code(data, name):
    """The main script's code: with hooks, or as it is when they cannot be put in."""
    try:
        code = build(data, name) if worth_it(data) else None
    except (RecursionError, MemoryError):
        code = None
    return code or compile(data, name, "exec", 0, True)
