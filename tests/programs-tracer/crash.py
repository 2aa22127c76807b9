import sys


def inner(text):
    return int(text)


def outer():
    try:
        inner("x")
    except ValueError as error:
        raise RuntimeError("outer") from error


if len(sys.argv) > 1 and sys.argv[1] == "hook":
    def hook(kind, value, trace):
        while trace is not None:
            print("hooked", trace.tb_frame.f_code.co_name, trace.tb_lineno)
            trace = trace.tb_next

    sys.excepthook = hook
if len(sys.argv) > 1 and sys.argv[1] == "interrupt":
    raise KeyboardInterrupt
if len(sys.argv) > 1 and sys.argv[1] == "exit":
    sys.exit("leaving")
outer()
