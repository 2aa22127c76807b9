"""Starts the tracer, and runs a script the way `python script` would."""

import sys

import os

from . import channel, hooks, imports, seen, source, watch


def dial(path, part, way):
    """The line to netdiag. Without one nothing at all is put into the program."""
    line = channel.Channel(path, part, way)
    line.asyncio = "asyncio.base_events" in sys.modules
    line.open()
    if line.sock is None:
        imports.State.off = True
    else:
        imports.offer()
    return line


def attach(line):
    """Puts every hook in place."""
    import atexit

    if line.sock is None:
        return
    line.when_reopened = lambda: watch.start(line)
    seen.channel = line
    imports.install()
    hooks.install()
    watch.start(line)
    watch_forks(line)
    atexit.register(hooks.quietly, leave, line)


def watch_forks(line):
    """A fork has one thread and no descriptor it did not ask for; both sides call netdiag again."""
    os.register_at_fork(
        before=lambda: hooks.quietly(watch.stop, line),
        after_in_parent=lambda: hooks.quietly(in_parent, line),
        after_in_child=lambda: hooks.quietly(resume, line, line.in_child),
    )
    if watch.COUNTED:
        os.fork = counted(os.fork, line)


def counted(fork, line):
    """`fork`, with our thread started again after Python has counted the threads; some versions do that last.

    It is put together from C functions only: the warning about threads must find the program's own frame.
    """
    from _functools import partial

    def after(pid):
        if pid:
            hooks.quietly(resume, line, line.open)
        return pid

    return partial(next, map(after, iter(fork, object())))


def in_parent(line):
    if not watch.COUNTED or sys._getframe(2).f_code.co_name == "_execute_child":
        resume(line, line.open)


def resume(line, again):
    """After a fork, on either side of it."""
    if line.sock is None:
        again()
        watch.start(line)


def leave(line):
    """At exit. Python keeps an exception that ended the main script where a debugger would look for it."""
    hooks.all_unasked()
    exc = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if issubclass(type(exc), BaseException) and not Run.reported:
        seen.uncaught(exc, *hooks.custom(getattr(sys, "excepthook", None)))
    line.close()


class Run:
    """The main script."""

    code = None
    reported = False


def prepare(path, part, way, words):
    """Everything that may fail, before the program has begun; `words` are the script and its arguments."""
    script = words[0]
    if not os.path.isfile(script):
        raise FileNotFoundError(script)
    # Since 3.9 Python makes the script's name absolute, without tidying it up.
    name = script if sys.version_info < (3, 9) else os.path.join(os.getcwd(), script)
    with open(script, "rb") as file:
        data = file.read()
    place = os.path.dirname(os.path.realpath(script))
    source.own_main(name)
    source.roots.add(place)
    source.keep(name, data)
    line = dial(path, part, way)
    if line.sock is None:
        raise ConnectionError("netdiag does not answer")
    Run.code = imports.main_code(data, name)
    sys.argv[:] = words
    if own_place():
        sys.path[0] = place
    # Under `-S` nobody else takes out what PYTHONPATH put in for us.
    sys.path[:] = [one for one in sys.path if not one.startswith(source.OURS)]
    space = sys.modules["__main__"].__dict__
    space["__file__"] = name
    space["__loader__"] = sys.modules["_frozen_importlib_external"].SourceFileLoader("__main__", name)
    attach(line)


def spawned():
    """A child of `multiprocessing` reads the main script by itself; it gets its hooks there."""
    import runpy

    original = runpy._get_code_from_file

    def _get_code_from_file(*arguments):
        found = original(*arguments)
        hooks.quietly(source.own_main, arguments[-1])
        if type(found) is tuple:
            return (imports.with_hooks(found[0]) or found[0],) + found[1:]
        return imports.with_hooks(found) or found

    runpy._get_code_from_file = _get_code_from_file


def own_place():
    """Whether Python put our directory first on the path, in the place of the script's."""
    return bool(sys.path) and os.path.join(sys.path[0], "") == os.path.join(os.path.realpath(source.OURS), "")


def execute():
    """Runs the program. Its exceptions leave through here as they would leave without us."""
    space = sys.modules["__main__"].__dict__
    try:
        exec(Run.code, space)
    except SystemExit:
        raise
    except BaseException as exc:
        hooks.quietly(failed, exc)
        raise


def failed(exc):
    """Reports what ended the program, and takes our frames out of what Python is about to print."""
    Run.reported = True
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        return
    seen.uncaught(exc, *hooks.custom(hook))

    def excepthook(kind, value, trace):
        sys.excepthook = hook
        while trace is not None and source.is_ours(trace.tb_frame):
            trace = trace.tb_next
        value.__traceback__ = sys.last_traceback = trace
        hook(kind, value, trace)

    sys.excepthook = excepthook
