import warnings


def warn():
    warnings.warn("from the neighbour", stacklevel=2)


def fail():
    try:
        raise LookupError("in the neighbour")
    except LookupError:
        pass
