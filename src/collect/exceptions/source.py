"""The program's own source: which files are the user's, what their lines say, and where handlers stand.

Reads files and syntax trees only. It runs none of the program's code.
"""

import sys

import os
from _ast import PyCF_ONLY_AST
from _io import open as open_file

import _ast

STDLIB = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep
LARGEST = 1 << 20

start = os.getcwd() if os.path.isdir(".") else "/"
roots = {start}
mains = set()
known = {}
texts = {}
lines = {}
trees = {}


def absolute(name):
    """A code object's file name as an absolute path, seen from where the program started."""
    return os.path.normpath(os.path.join(start, name))


def is_user(name):
    """Whether code of this file belongs to the user rather than to a library."""
    answer = known.get(name)
    if answer is None:
        answer = known[name] = judge(name)
    return answer


def judge(name):
    if name.startswith("<"):
        return False
    path = absolute(name)
    if path in mains:
        return True
    # Compiled extensions name their sources, which are not there.
    if not os.path.isfile(path):
        return False
    real = os.path.realpath(path)
    for place in (path, real):
        if "/site-packages/" in place or "/dist-packages/" in place or place.startswith((STDLIB, OURS)):
            return False
    return any(path.startswith(root.rstrip("/") + "/") for root in roots)


def is_user_frame(frame):
    """The same for a frame."""
    return is_user_code(frame.f_code.co_filename, is_given(frame))


def is_user_code(name, given):
    """The same for code with a file, or that was `given` with `-c`."""
    return given if name == "<string>" else is_user(name)


def is_given(frame):
    """Whether a frame's code was given with `-c`, which has no file."""
    if frame.f_code.co_filename != "<string>":
        return False
    space = frame.f_globals
    return space.get("__name__") == "__main__" and "__file__" not in space


def own_main(path):
    """Makes the main script and its neighbours the user's, wherever they lie."""
    mains.add(absolute(path))
    roots.add(os.path.dirname(absolute(path)))
    known.clear()


def relative(name):
    """How the file is named to the reader."""
    if name.startswith("<"):
        return name
    path = absolute(name)
    base = start.rstrip("/") + "/"
    return path[len(base):] if path.startswith(base) else path


def keep(name, data):
    """Remembers the text of a file that was read anyway."""
    texts[name] = data


def is_ours(frame):
    """Whether a frame is the tracer's own."""
    return frame.f_code.co_filename.startswith(OURS)


def text(name):
    """The bytes of a user's file, or nothing."""
    if name not in texts:
        data = b""
        if is_user(name):
            try:
                with open_file(absolute(name), "rb") as file:
                    data = file.read(LARGEST)
            except (OSError, ValueError):
                pass
        texts[name] = data
    return texts[name]


def line(name, number):
    """The text of one line without its indentation."""
    if name not in lines:
        lines[name] = text(name).splitlines()
    if 0 < number <= len(lines[name]):
        return lines[name][number - 1].decode("utf-8", "replace").strip()[:200]
    return ""


def place(name, number, function):
    """One line of source as an event carries it."""
    return {"file": relative(name), "line": number or 1, "function": function, "source": line(name, number or 1)}


def parse(data, name):
    """The syntax tree of `data`; what Python would warn about is warned about."""
    return compile(data, name, "exec", PyCF_ONLY_AST, True)


def quietly(work, *arguments):
    """Runs `work`, which compiles, without the compiler's warnings: Python has given them for this file already.

    `warnings.catch_warnings` would make the program's own once-only warnings appear again, so the two filters are put
    in front and taken away without telling the module.
    """
    warnings = sys.modules.get("warnings")
    filters = warnings.filters if warnings else []
    silence = [("ignore", None, kind, None, 0) for kind in (SyntaxWarning, DeprecationWarning)]
    filters[:0] = silence
    try:
        return work(*arguments)
    finally:
        for one in silence:
            if one in filters:
                filters.remove(one)


def tree(name):
    """The syntax tree of a user's file, or nothing."""
    if name not in trees:
        data = text(name)
        try:
            trees[name] = quietly(parse, data, name) if data else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            trees[name] = None
    return trees[name]


def walk(node):
    """Every node below, without recursion."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, _ast.AST):
                todo.append(value)
            elif type(value) is list:
                todo.extend(item for item in value if isinstance(item, _ast.AST))


def calls_on(name, number):
    """The calls whose text covers a line, innermost last."""
    found = tree(name)
    if found is None:
        return []
    covering = [
        node
        for node in walk(found)
        if isinstance(node, _ast.Call) and node.lineno <= number <= (node.end_lineno or node.lineno)
    ]
    covering.sort(key=lambda node: (node.end_lineno - node.lineno, -node.lineno, node.col_offset))
    return covering


def unawaited(name, function):
    """The calls of a function of this name that are not awaited where they stand."""
    found = tree(name)
    if found is None:
        return []
    nodes = list(walk(found))
    awaited = {id(node.value) for node in nodes if isinstance(node, _ast.Await)}
    return [node for node in nodes if id(node) not in awaited and last_name(node) == function]


def last_name(call):
    """`c` for a call of `a.b.c`."""
    return dotted(call.func).rsplit(".", 1)[-1] if isinstance(call, _ast.Call) else ""


def dotted(node):
    """`a.b.c` for names and attributes of names, else nothing."""
    parts = []
    while isinstance(node, _ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, _ast.Name):
        return parts[0] if parts else ""
    parts.append(node.id)
    return ".".join(reversed(parts))
