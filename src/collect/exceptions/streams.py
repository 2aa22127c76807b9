"""What asyncio's streams are given to serve clients with: the handler, and whether what it writes is ever drained.

Looks once for each handler, when its first client comes; it runs none of the program's code.
"""

import sys

import _ast

from . import seen, source

COROUTINE = 0x80 | 0x100  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE
WRITES = ("write", "writelines")
STARTS = ("create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe")
FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda)
FUNCTION = type(source.walk)
METHOD = type(source.walk.__get__(0))
# The program waits meanwhile: a text of hundreds of pages is not gone through.
MOST_TEXT = 1 << 18
known = set()


def served(handler):
    """Tells of a handler that `start_server` was given and that now has a client."""
    code = code_of(handler)
    if code is None or code in known or seen.channel is None or not source.is_user(code.co_filename):
        return
    known.add(code)
    node = function_at(code)
    where = source.place(code.co_filename, code.co_firstlineno, code.co_name)
    coroutine = bool(code.co_flags & COROUTINE) or node is None or starts_one(node)
    seen.channel.emit({"e": "served", "handler": where, "coroutine": coroutine, "undrained": undrained(node, code)})


def code_of(handler):
    """The code behind a function, a method, a partial or an object that can be called."""
    partial = getattr(sys.modules.get("functools"), "partial", ())
    for _ in range(8):
        if isinstance(handler, FUNCTION):
            return handler.__code__
        if isinstance(handler, METHOD):
            handler = handler.__func__
        elif isinstance(handler, partial):
            handler = handler.func
        else:
            handler = getattr(type(handler), "__call__", None)
    return None


def function_at(code):
    """The syntax tree of the function a code object comes from. Its first line may be that of a decorator."""
    name = code.co_filename
    tree = source.tree(name) if len(source.text(name)) <= MOST_TEXT else None
    for node in source.walk(tree) if tree is not None else ():
        if isinstance(node, FUNCTIONS):
            first = min([node.lineno] + [one.lineno for one in getattr(node, "decorator_list", ())])
            if first == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name:
                return node
    return None


def starts_one(node):
    """Whether a plain function may still run a coroutine: it hands on what a call gives it, or makes a task."""
    if isinstance(node, _ast.Lambda):
        return True
    for inner in source.walk(node):
        if isinstance(inner, _ast.Return) and isinstance(inner.value, _ast.Call):
            return True
        if source.last_name(inner) in STARTS:
            return True
    return False


def undrained(node, code):
    """The line that writes to what the handler calls its writer, if nothing in the program's text drains."""
    names = [name for name in list(source.texts) if source.is_user(name)]
    if node is None or not node.args.args or sum(len(source.text(name)) for name in names) > MOST_TEXT:
        return None
    if any(drains(inner) for _, inner in nodes_of(names, b"drain")):
        return None
    writer = node.args.args[-1].arg
    lines = [(name, inner.lineno) for name, inner in nodes_of(names, b".write") if writes(inner, writer)]

    def far(line):
        """How far from the handler: in it, in its file, elsewhere; then the first."""
        own = line[0] == code.co_filename
        return not (own and node.lineno <= line[1] <= node.end_lineno), not own, line

    where = min(lines, key=far, default=None)
    return where and source.place(where[0], where[1], "")


def nodes_of(names, word):
    """The syntax trees' nodes of those texts that hold the word."""
    for name in names:
        tree = source.tree(name) if word in source.text(name) else None
        for node in source.walk(tree) if tree is not None else ():
            yield name, node


def drains(node):
    """Whether a piece of text may be a call of `drain`, also by a name in quotes."""
    return getattr(node, "attr", None) == "drain" or (isinstance(node, _ast.Constant) and node.value == "drain")


def writes(node, writer):
    """Whether it is a call such as `writer.write(...)` or `self.writer.writelines(...)`."""
    name = source.dotted(node.func).split(".") if isinstance(node, _ast.Call) else []
    return len(name) > 1 and name[-1] in WRITES and name[-2] == writer
