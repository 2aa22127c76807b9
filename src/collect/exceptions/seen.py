"""Turns an exception into an event: its type and text, the user's frames, the address it was about.

It runs none of the program's code (no `__str__`, no properties) and keeps no reference to what it looked at: a socket
that is closed by losing its last name must still be closed then.
"""

import sys

import _socket

from . import handlers, source

QUIET = (StopIteration, StopAsyncIteration, GeneratorExit, KeyboardInterrupt, SystemExit)
PLAIN = (str, int, float, bool, bytes, type(None))
DIALS = frozenset("connect connect_ex bind create_connection".split())
PAIRS = frozenset("open_connection start_server create_server".split())
TALKS = frozenset("recv recv_into recvfrom send sendall accept read readline readuntil readexactly write drain".split())
SITE_LIMIT, RAISED_LIMIT = 20, 200

channel = None
counts = {}
kinds = set()
raised = 0


def ignorable(kind):
    """Types that are control flow, not trouble."""
    if issubclass(kind, QUIET):
        return True
    exceptions = sys.modules.get("asyncio.exceptions")
    return exceptions is not None and issubclass(kind, exceptions.CancelledError)


def admit(site, kind):
    """Whether this exception at this site is still worth an event; a hot loop's are only counted."""
    global raised
    count = counts[site] = counts.get(site, 0) + 1
    if count > SITE_LIMIT and (site, kind) in kinds:
        channel.omitted += 1
        return False
    if ignorable(kind):
        return False
    kinds.add((site, kind))
    raised += 1
    if raised > RAISED_LIMIT:
        channel.omitted += 1
        return False
    return True


def report(exc, trace, action, site, where=None, stand_in=False):
    """Sends one exception. `where` is the handler's (file, line, function); it may stand in for user frames."""
    event = describe(exc, trace, action, site, where, stand_in)
    if event is not None:
        channel.emit(event)


def describe(exc, trace, action, site, where=None, stand_in=False):
    """The event for one exception, or nothing when it is not worth one."""
    if channel is None or channel.sock is None or not admit(site, type(exc)):
        return None
    entries = entries_of(trace)
    frames = [
        source.place(frame.f_code.co_filename, number, frame.f_code.co_name)
        for frame, number in entries
        if source.is_user_frame(frame)
    ]
    caught = source.place(*where) if where else None
    if not frames and not stand_in:
        return None
    return {
        "e": "raised",
        "kind": type(exc).__name__,
        "message": message(exc),
        "errno": errno(exc),
        "frames": (frames if len(frames) <= 30 else frames[:15] + frames[-15:]) or [caught],
        "address": address(entries),
        "caught": caught,
        "action": action,
    }


def entries_of(trace):
    """Frames and lines from the outermost to the raising one; the middle of a very deep one is left out."""
    found = []
    while trace is not None and len(found) < 3000:
        found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return found if len(found) <= 100 else found[:50] + found[-50:]


def message(exc):
    """The exception's text where Python itself makes it from plain values; else those values."""
    kind = type(exc)
    wrapper = type(BaseException.__str__)
    arguments = BaseException.args.__get__(exc)
    if type(arguments) is not tuple:
        return ""
    if issubclass(kind, OSError):
        arguments += (OSError.strerror.__get__(exc), OSError.filename.__get__(exc), OSError.filename2.__get__(exc))
    plain = all(type(value) in PLAIN for value in arguments)
    if plain and type(kind.__str__) is wrapper:
        return BaseException.__str__(exc)[:300] if kind.__str__ is BaseException.__str__ else kind.__str__(exc)[:300]
    words = [value if type(value) is str else repr(value) for value in arguments if type(value) in PLAIN and value is not None]
    return ", ".join(words)[:300]


def errno(exc):
    """`errno` of an operating system error."""
    if not issubclass(type(exc), OSError):
        return None
    number = OSError.errno.__get__(exc)
    return number if type(number) is int else None


def address(entries):
    """The address the innermost frame that knows one was about, as `host:port`."""
    for position in range(len(entries) - 1, -1, -1):
        frame, number = entries[position]
        try:
            if source.is_user_frame(frame):
                found = asked(frame, number)
            else:
                # The outermost frame caught the exception and goes on running; a library's is left alone then.
                found = known(Locals(frame)) if position else None
        except (AttributeError, TypeError, ValueError, KeyError, OSError, RuntimeError):
            found = None
        if found:
            return found
    return None


class Locals:
    """A frame's variables by name, without leaving references behind.

    Before 3.13 `f_locals` makes a copy that lives as long as the frame. In a frame that goes on running that copy
    would keep sockets open that the program has let go of, so it is emptied again, unless the program itself holds it.
    """

    def __init__(self, frame):
        self.frame = frame

    def get(self, name):
        frame, code = self.frame, self.frame.f_code
        if name not in code.co_varnames + code.co_cellvars + code.co_freevars:
            return frame.f_globals.get(name)
        values = frame.f_locals
        found = values.get(name)
        # CO_OPTIMIZED: a function's variables; a module's or class's are no copy.
        if code.co_flags & 1 and sys.version_info < (3, 13) and sys.getrefcount(values) <= 3:
            values.clear()
        return found


def known(values):
    """An address among the variables of a library's frame."""
    for name in ("address", "sockaddr", "sa", "server_address"):
        found = spelled(values.get(name))
        if found:
            return found
    names = values.frame.f_code.co_varnames
    if "host" in names and "port" in names:
        return spelled((values.get("host"), values.get("port")))
    for name in ("sock", "self"):
        if name in names:
            found = peer(values.get(name))
            if found:
                return found
    return None


def spelled(value):
    """`host:port` of an address tuple."""
    if type(value) is not tuple or len(value) < 2:
        return None
    host, port = value[0], value[1]
    if host is None or host == "":
        host = "0.0.0.0"
    if type(host) is not str or type(port) not in (int, str):
        return None
    return ("[%s]:%s" if ":" in host else "%s:%s") % (host, port)


def peer(thing, depth=3):
    """The peer of a socket, a transport, a stream or a socketserver; its own address where there is no peer."""
    if issubclass(type(thing), _socket.socket):
        for look in (_socket.socket.getpeername, _socket.socket.getsockname):
            try:
                found = spelled(look(thing))
            except OSError:
                found = None
            if found:
                return found
        return None
    fields = vars_of(thing)
    for name in ("_extra", "_transport", "transport", "_sock", "socket", "server_address"):
        inner = fields.get(name)
        if type(inner) is dict:
            inner = inner.get("peername")
        found = spelled(inner) or (peer(inner, depth - 1) if inner is not None and depth else None)
        if found:
            return found
    return None


def vars_of(thing):
    """The instance's own variables, past any `__getattr__`."""
    try:
        fields = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return fields if type(fields) is dict else {}


def asked(frame, number):
    """The address in the text of the call on the user's line."""
    values = Locals(frame)
    for call in source.calls_on(frame.f_code.co_filename, number):
        name = source.last_name(call)
        found = None
        if name in DIALS and call.args:
            found = spelled(value_of(call.args[0], values))
        elif name in PAIRS:
            words = [value_of(word.value, values) for word in call.keywords if word.arg in ("host", "port")]
            given = [value_of(argument, values) for argument in call.args if not callable(value_of(argument, values))]
            found = spelled(tuple(given[-2:] if len(given) >= 2 else words))
        elif name == "sendto" and call.args:
            found = spelled(value_of(call.args[-1], values))
        elif name in TALKS and hasattr(call.func, "value"):
            found = peer(value_of(call.func.value, values))
        if found:
            return found
    return None


def value_of(node, values):
    """The value of an expression that takes no code to evaluate: constants, names, plain attributes, tuples."""
    kind = type(node).__name__
    if kind == "Constant":
        return node.value
    if kind == "Name":
        return values.get(node.id)
    if kind == "Tuple":
        return tuple(value_of(item, values) for item in node.elts)
    if kind == "Attribute":
        return vars_of(value_of(node.value, values)).get(node.attr)
    return None


def from_program(failure):
    """Whether an exception that came up in a hook is the program's own (a signal handler's), not the tracer's."""
    trace = failure.__traceback__
    while trace is not None:
        if source.is_user_frame(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def caught(site):
    """The hook at the start of every `except` body."""
    try:
        kind, exc, trace = sys.exc_info()
        if exc is not None:
            name, number, action = handlers.sites[site]
            report(exc, trace, action, site, (name, number, sys._getframe(1).f_code.co_name))
    except Exception as failure:
        if from_program(failure):
            raise


def given(site, exc):
    """The hook of methods that are handed an exception as a value."""
    try:
        if issubclass(type(exc), BaseException):
            name, number, action = handlers.sites[site]
            where = (name, number, sys._getframe(1).f_code.co_name)
            report(exc, exc.__traceback__, action, site, where, True)
    except Exception as failure:
        if from_program(failure):
            raise


def results(site, values):
    """The hook around an awaited `gather(..., return_exceptions=True)`."""
    try:
        for exc in values if type(values) is list else ():
            if issubclass(type(exc), Exception):
                name, number, action = handlers.sites[site]
                where = (name, number, sys._getframe(1).f_code.co_name)
                report(exc, exc.__traceback__, action, site, where, True)
    except Exception as failure:
        if from_program(failure):
            raise
    return values


def uncaught(exc, action="uncaught", where=None):
    """An exception that left the user's code."""
    if exc is not None:
        report(exc, exc.__traceback__, action, ("uncaught", type(exc)), where)
