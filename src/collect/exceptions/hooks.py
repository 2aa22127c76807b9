"""The few places of the standard library where exceptions end up that no user's `except` ever sees, and what Python's
own audit events tell of the addresses a program names.

Each wrapper looks and does exactly what the original does. They stand where nothing is raised through them, so that
none shows in a traceback; modules the program does not import are not touched.
"""

import sys

import _weakref

from . import handlers, seen, source, streams

unasked = {}
addressed = set()
ADDRESSED_LIMIT = 40


def quietly(look, *arguments):
    """Runs an observation; whatever goes wrong in it stays here."""
    try:
        look(*arguments)
    except Exception:
        pass


def install():
    """Wraps what is imported already and waits for the rest."""
    sys.meta_path.insert(0, Waiting())
    for name in list(AFTER_IMPORT):
        if name in sys.modules:
            quietly(AFTER_IMPORT[name], sys.modules[name])
    hook = sys.unraisablehook

    def unraisable(event):
        if event.exc_value is not None:
            quietly(seen.uncaught, event.exc_value)
        hook(event)

    sys.unraisablehook = unraisable
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(audit)


def audit(event, arguments):
    """Hears every audit event; only two of them are looked at. Whatever is raised here would stop the program's call."""
    if event == "socket.bind" or event == "socket.connect":
        quietly(address_named, event[7:], arguments[1], sys._getframe(1))


def address_named(call, value, frame):
    """Tells the user's line that binds or dials an internet address; a line that does it again and again, once."""
    address = seen.spelled(value)
    while frame is not None and not source.is_user_frame(frame):
        frame = frame.f_back
    if address is None or frame is None or seen.channel is None:
        return
    name, number = frame.f_code.co_filename, frame.f_lineno
    if len(addressed) < ADDRESSED_LIMIT and (call, address, name, number) not in addressed:
        addressed.add((call, address, name, number))
        location = source.place(name, number, frame.f_code.co_name)
        seen.channel.emit({"e": "addressed", "call": call, "address": address, "location": location})


class Waiting:
    """A finder that finds nothing itself; it only sees which of the wrapped modules is being imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        patch = AFTER_IMPORT.get(name)
        if patch is None:
            return None
        for finder in sys.meta_path:
            look = getattr(finder, "find_spec", None)
            if look is None or isinstance(finder, Waiting):
                continue
            spec = look(name, path, target)
            if spec is not None:
                wrap_loader(spec.loader, patch)
                return spec
        return None


def wrap_loader(loader, patch):
    """Runs `patch` on the module once it has been executed."""
    execute = loader.exec_module

    def exec_module(module):
        execute(module)
        quietly(patch, module)

    if not isinstance(loader, type):
        loader.exec_module = exec_module


def wrap_threading(threading):
    make = threading._make_invoke_excepthook

    def make_invoke_excepthook():
        invoke = make()

        def invoke_excepthook(thread):
            quietly(seen.uncaught, sys.exc_info()[1])
            invoke(thread)

        return invoke_excepthook

    threading._make_invoke_excepthook = make_invoke_excepthook


def wrap_base_events(base_events):
    wrap_loop(base_events.BaseEventLoop)
    seen.channel.asyncio = True
    seen.channel.send({"e": "asyncio"})


def wrap_streams(module):
    original = module.StreamReaderProtocol.__init__

    def __init__(self, stream_reader, client_connected_cb=None, *rest, **named):
        if client_connected_cb is not None:
            quietly(streams.served, client_connected_cb)
        original(self, stream_reader, client_connected_cb, *rest, **named)

    module.StreamReaderProtocol.__init__ = __init__


def wrap_uvloop(uvloop):
    wrap_loop(uvloop.Loop)


def wrap_loop(loop_type):
    original = loop_type.call_exception_handler

    def call_exception_handler(self, context):
        quietly(loop_failed, self, context)
        return original(self, context)

    loop_type.call_exception_handler = call_exception_handler


def loop_failed(loop, context):
    """What asyncio hands to the loop's exception handler."""
    exc = context.get("exception")
    if exc is None or not issubclass(type(exc), BaseException):
        return
    seen.uncaught(exc, *custom(seen.vars_of(loop).get("_exception_handler")))
    message = context.get("message")
    if type(message) is str and "never retrieved" in message:
        future = context.get("task") or context.get("future")
        never_retrieved(task_name(future), exc)


def custom(handler):
    """What the user's own exception handler does, if there is one, and where it stands."""
    code = getattr(handler, "__code__", None)
    if code is None or not source.is_user(code.co_filename):
        return "uncaught", None
    tree = source.tree(code.co_filename)
    for node in handlers.functions_of(tree).values() if tree else ():
        if node.lineno <= code.co_firstlineno <= node.body[0].lineno and node.name == code.co_name:
            where = (code.co_filename, node.lineno, code.co_name)
            return handlers.action(node.body, handlers.functions_of(tree)), where
    return "handled", (code.co_filename, code.co_firstlineno, code.co_name)


def task_name(task):
    """A task's name past any override; a plain future has none."""
    tasks = sys.modules.get("asyncio.tasks")
    if tasks is not None and isinstance(task, tasks.Task):
        code = getattr(type(task).get_coro(task), "cr_code", None)
        return code.co_name if code else type(task).get_name(task)
    return type(task).__name__


def never_retrieved(name, exc):
    location = None
    for frame, number in seen.entries_of(exc.__traceback__):
        if source.is_user_frame(frame):
            location = source.place(frame.f_code.co_filename, number, frame.f_code.co_name)
    text = type(exc).__name__ + ": " + seen.message(exc)
    seen.channel.emit(neglect("never-retrieved", name, text, location))


def neglect(what, name, text, location):
    return {"e": "neglected", "what": what, "name": str(name)[:200], "exception": text, "location": location}


def wrap_warnings(warnings):
    original = warnings._warn_unawaited_coroutine

    def warn_unawaited_coroutine(coro):
        quietly(never_awaited, coro, sys._getframe())
        original(coro)

    warnings._warn_unawaited_coroutine = warn_unawaited_coroutine


def never_awaited(coro, frame):
    """Reports a coroutine that is dropped unused. Only Python's debug mode remembers where it was made, and having
    Python remember it costs every coroutine; it is mostly dropped on that very line, else it is looked up in the text.
    """
    while frame is not None and not source.is_user_frame(frame):
        frame = frame.f_back
    location = None
    for name, number, function in coro.cr_origin or ():
        if location is None and source.is_user(name):
            location = source.place(name, number, function)
    if location is None:
        location = made_at(coro.cr_code.co_name, frame)
    if location is not None or source.is_user(coro.cr_code.co_filename):
        seen.channel.emit(neglect("never-awaited", coro.__qualname__, None, location))


def made_at(function, frame):
    """The user's line that makes a coroutine of this name without awaiting it, if there is just one."""
    if frame is not None:
        name, number = frame.f_code.co_filename, frame.f_lineno
        if any(source.last_name(call) == function for call in source.calls_on(name, number)):
            return source.place(name, number, frame.f_code.co_name)
    found = []
    for name in [frame.f_code.co_filename] if frame is not None else list(source.texts):
        found.extend((name, call.lineno) for call in source.unawaited(name, function))
    return source.place(found[0][0], found[0][1], "") if len(found) == 1 else None


def wrap_contextlib(contextlib):
    original = contextlib.suppress.__exit__

    def leave(self, kind, exc, trace):
        if exc is not None:
            quietly(suppressed, seen.vars_of(self).get("_exceptions"), kind, exc, trace, sys._getframe(1))
        return original(self, kind, exc, trace)

    leave.__name__, leave.__qualname__ = "__exit__", "suppress.__exit__"
    contextlib.suppress.__exit__ = leave


def suppressed(types, kind, exc, trace, frame):
    if issubclass(kind, types) and source.is_user_frame(frame):
        where = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        seen.report(exc, trace, "silent", where, where)


def wrap_socketserver(socketserver):
    original = socketserver.BaseServer.handle_error

    def handle_error(self, request, client_address):
        quietly(seen.uncaught, sys.exc_info()[1])
        original(self, request, client_address)

    socketserver.BaseServer.handle_error = handle_error


def wrap_futures(base):
    """A thread pool keeps a job's exception for whoever asks the future; reading it is what counts as asking."""
    original = base.Future.set_exception

    def set_exception(self, exc):
        # First, because whoever waits for the future may read it at once.
        quietly(kept, self, exc)
        original(self, exc)

    def read(self):
        unasked.pop(id(self), None)
        return self.__dict__.get("_exception")

    def write(self, exc):
        self.__dict__["_exception"] = exc

    base.Future.set_exception = set_exception
    base.Future._exception = property(read, write)


def kept(future, exc):
    """Remembers a failed job nobody is told of, until its future is asked or dropped."""
    fields = seen.vars_of(future)
    if exc is None or fields.get("_done_callbacks") or fields.get("_waiters") or len(unasked) >= 200:
        return
    event = seen.describe(exc, exc.__traceback__, "silent", ("future", type(exc)))
    if event is not None:
        key = id(future)
        unasked[key] = (_weakref.ref(future, lambda _: quietly(never_asked, key)), event)


def never_asked(key):
    _, event = unasked.pop(key, (None, None))
    if event is not None:
        seen.channel.emit(event)
        text = event["kind"] + ": " + event["message"]
        seen.channel.emit(neglect("never-retrieved", "Future", text, event["frames"][-1]))


def all_unasked():
    """Reports every failed job whose future nobody has asked so far."""
    for key in list(unasked):
        never_asked(key)


def wrap_traceback(traceback):
    original = traceback.walk_stack

    def walk_stack(frame):
        if frame is None:
            if sys.version_info < (3, 14):
                return original(None)
            frame = sys._getframe(1)
        return above(original(frame))

    traceback.walk_stack = walk_stack


def above(stack):
    """The stack without the tracer's own frames beneath the program's."""
    for frame, number in stack:
        if not source.is_ours(frame):
            yield frame, number


def wrap_inspect(inspect):
    original = inspect.getouterframes

    def getouterframes(frame, context=1):
        return [one for one in original(frame, context) if not source.is_ours(one[0])]

    inspect.getouterframes = getouterframes


AFTER_IMPORT = {
    "threading": wrap_threading,
    "asyncio.base_events": wrap_base_events,
    "asyncio.streams": wrap_streams,
    "uvloop": wrap_uvloop,
    "warnings": wrap_warnings,
    "contextlib": wrap_contextlib,
    "socketserver": wrap_socketserver,
    "concurrent.futures._base": wrap_futures,
    "traceback": wrap_traceback,
    "inspect": wrap_inspect,
}
