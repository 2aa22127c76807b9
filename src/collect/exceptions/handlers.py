"""What a handler does with an exception, read off its syntax tree; and the hooks put at the start of handlers.

Nothing here looks at a running program. A hook is a call whose position is that of the statement after it, so line
numbers, tracebacks and their carets stay what they were.
"""

import _ast

from . import source

HOOK, VALUE, RESULTS, DEEP = "__netdiag_caught__", "__netdiag_given__", "__netdiag_results__", "__netdiag_deep__"

SHOWS = frozenset(
    "print pprint debug info warning warn error exception critical fatal log print_exc print_exception print_stack"
    " echo secho showerror showwarning showinfo print_tb print_last trace report notify cprint perror syslog".split()
)
LEAVES = frozenset("sys.exit exit quit os._exit os.abort".split())
# Handlers that are given the exception as a value: asyncio's protocols, socketserver's servers.
GIVEN = {"connection_lost": 1, "error_received": 1, "handle_error": None}

sites = []


def action(body, functions=(), depth=2):
    """`silent`, `reported`, `reraised` or `handled`, for the statements of a handler."""
    if raises(body):
        return "reraised"
    kinds = [look(statement, functions, depth) for statement in body]
    for kind in ("reported", "handled"):
        if kind in kinds:
            return kind
    return "silent"


def raises(body):
    """Whether every way through the statements raises or ends the program with a failure."""
    for statement in body:
        if isinstance(statement, _ast.Raise):
            return True
        if isinstance(statement, _ast.If) and statement.orelse:
            if raises(statement.body) and raises(statement.orelse):
                return True
        if isinstance(statement, (_ast.With, _ast.AsyncWith)) and raises(statement.body):
            return True
        if isinstance(statement, _ast.Expr) and isinstance(statement.value, _ast.Call) and fails(statement.value):
            return True
        if isinstance(statement, (_ast.Return, _ast.Break, _ast.Continue)):
            return False
    return False


def fails(call):
    """Whether the call ends the program with a status other than 0."""
    if source.dotted(call.func) not in LEAVES:
        return False
    if not call.args:
        return source.dotted(call.func) == "os.abort"
    first = call.args[-1]
    return not (isinstance(first, _ast.Constant) and first.value in (0, None, False))


def look(statement, functions, depth):
    """The same for one statement."""
    if isinstance(statement, (_ast.Pass, _ast.Continue, _ast.Break, _ast.Global, _ast.Nonlocal)):
        return "silent"
    seen = "silent" if isinstance(statement, (_ast.Return, _ast.Expr, _ast.If)) else "handled"
    for node in source.walk(statement):
        if isinstance(node, (_ast.Raise, _ast.Await, _ast.Yield, _ast.Assign, _ast.AugAssign, _ast.Delete)):
            seen = "handled"
        if isinstance(node, _ast.Name) and isinstance(statement, _ast.Return):
            seen = "handled"
        if isinstance(node, _ast.Call):
            kind = called(node, functions, depth)
            if kind == "reported":
                return kind
            if kind == "handled":
                seen = kind
    return seen


def called(call, functions, depth):
    """What calling this does: shows something, or something else; the module's own functions are looked into."""
    name = source.dotted(call.func)
    last = name.rsplit(".", 1)[-1]
    if last in SHOWS or (last in ("write", "writelines") and ("stderr" in name or "stdout" in name)):
        return "reported"
    if name in LEAVES:
        return "silent"
    if depth and last in functions and name in (last, "self." + last, "cls." + last):
        inner = action(functions[last].body, functions, depth - 1)
        return "reported" if inner == "reported" else "handled"
    if last.lower().startswith(("log_", "print", "report", "show_", "warn")):
        # A helper from elsewhere with such a name is more likely to tell somebody than not.
        return "reported"
    return "handled"


def functions_of(tree):
    """The module's functions and methods by name."""
    kinds = (_ast.FunctionDef, _ast.AsyncFunctionDef)
    return {node.name: node for node in source.walk(tree) if isinstance(node, kinds)}


def instrument(tree, name):
    """Puts a hook at the start of every handler; returns how many. Positions stay as they are."""
    functions = functions_of(tree)
    before = len(sites)
    for node in list(source.walk(tree)):
        if isinstance(node, _ast.ExceptHandler):
            site = add_site(name, node.lineno, action(node.body, functions))
            node.body.insert(0, guarded(HOOK, site, node.body[0]))
        elif isinstance(node, _ast.ClassDef):
            for method in node.body:
                if isinstance(method, (_ast.FunctionDef, _ast.AsyncFunctionDef)) and method.name in GIVEN:
                    hook_method(method, name, functions)
        hook_results(node, name)
    return len(sites) - before


def add_site(name, number, what):
    sites.append((name, number, what))
    return len(sites) - 1


def hook_method(method, name, functions):
    """A hook at the start of a method that is given an exception."""
    body = method.body
    documented = isinstance(body[0], _ast.Expr) and isinstance(getattr(body[0], "value", None), _ast.Constant)
    rest = body[1:] if documented else body
    site = add_site(name, method.lineno, action(rest, functions) if rest else "silent")
    position = GIVEN[method.name]
    where = rest[0] if rest else body[0]
    if position is None:
        hook = guarded(HOOK, site, where)
    elif len(method.args.args) > position:
        given = located(_ast.Name(method.args.args[position].arg, _ast.Load()), where)
        hook = guarded(VALUE, site, where, given)
    else:
        return
    body.insert(1 if documented else 0, hook)


def hook_results(node, name):
    """`await gather(..., return_exceptions=True)` hands exceptions out as values: look at what it gives."""
    for field in node._fields:
        value = getattr(node, field, None)
        if type(value) is list:
            value[:] = [looked_at(item, node, name) for item in value]
        elif isinstance(value, _ast.Await):
            setattr(node, field, looked_at(value, node, name))


def looked_at(value, parent, name):
    """The awaited `gather`, wrapped; anything else as it is."""
    if not (isinstance(value, _ast.Await) and gathers(value.value)):
        return value
    site = add_site(name, value.lineno, "silent" if isinstance(parent, _ast.Expr) else "handled")
    arguments = [located(_ast.Constant(site), value), value]
    return located(_ast.Call(located(_ast.Name(RESULTS, _ast.Load()), value), arguments, []), value)


def gathers(call):
    if source.last_name(call) != "gather":
        return False
    return any(
        word.arg == "return_exceptions" and isinstance(word.value, _ast.Constant) and word.value.value is True
        for word in call.keywords
    )


def guarded(hook, site, where, *given):
    """`try: hook(site) except deep: pass`: at the recursion limit even calling the hook fails."""
    call = _ast.Call(
        located(_ast.Name(hook, _ast.Load()), where), [located(_ast.Constant(site), where)] + list(given), []
    )
    body = located(_ast.Expr(located(call, where)), where)
    handler = _ast.ExceptHandler(
        located(_ast.Name(DEEP, _ast.Load()), where), None, [located(_ast.Pass(), where)]
    )
    return located(_ast.Try([body], [located(handler, where)], [], []), where)


def located(node, where):
    node.lineno = node.end_lineno = where.lineno
    node.col_offset = where.col_offset
    node.end_col_offset = where.end_col_offset if where.end_lineno == where.lineno else where.col_offset
    if isinstance(node, _ast.Constant):
        node.kind = None
    return node
