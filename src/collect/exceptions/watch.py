"""The tracer's one thread: it waits for netdiag's requests and looks at the other threads and tasks.

It sits in `recv` without a time limit, so that it never stands in the way of proving that a program hangs; netdiag
beats the time (`tick`) while an event loop is there to be watched. It only reads.
"""

import sys
import time
from _thread import allocate_lock, get_ident, get_native_id, start_new_thread

import os
from _io import open as open_file

import _signal
import _weakref

from . import hooks, seen, source

# From 3.12 on Python warns about a fork while there is a second thread.
COUNTED = sys.version_info >= (3, 12)
BLOCKED_MS = 200
current_frames, sleep, clock = sys._current_frames, time.sleep, time.monotonic


class Thread:
    """The running thread, so that a fork can stop it and start another."""

    native = None
    ident = None
    over = None


class Loops:
    """What each thread's event loop was doing at the last tick."""

    seen = {}
    stalls = 0


told = {}


def start(channel):
    """Starts the thread and waits until it is settled, so that it opens nothing while the program runs."""
    if channel.sock is None:
        return
    ready, Thread.over = allocate_lock(), allocate_lock()
    ready.acquire()
    Thread.over.acquire()
    try:
        start_new_thread(listen, (channel, channel.sock, ready, Thread.over))
        ready.acquire(True, 2)
    except RuntimeError:
        pass


def listen(channel, sock, ready, over):
    """The thread: one request per line."""
    try:
        settle(channel)
        ready.release()
        waiting = b""
        while channel.sock is sock and channel.ours():
            data = sock.recv(4096)
            if not data:
                break
            lines = (waiting + data).split(b"\n")
            waiting = lines.pop()[-100:]
            for request in lines:
                answer(channel, request)
    except BaseException:
        pass
    finally:
        over.release()


def settle(channel):
    """No signal is delivered here: the program's main thread must be the one that is interrupted."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    Thread.native, Thread.ident = get_native_id(), get_ident()
    try:
        with open_file("/proc/self/task/%d/comm" % Thread.native, "w") as name:
            name.write("netdiag-tracer")
    except OSError:
        pass
    channel.send({"e": "thread", "tid": Thread.native})


def answer(channel, request):
    if request == b"tick":
        hooks.quietly(tick)
    elif request == b"dump":
        hooks.quietly(tick)
        hooks.quietly(hooks.all_unasked)
        hooks.quietly(threads, channel)
        hooks.quietly(tasks, channel)
        channel.send({"e": "stacks"})
        channel.flush(True)


def stop(channel):
    """Before a fork: where threads are counted, ours must be gone for good."""
    over, native, Thread.over = Thread.over, Thread.native, None
    channel.hang_up()
    if over is None or not over.acquire(True, 0.2) or not COUNTED:
        return
    for _ in range(100):
        try:
            os.stat("/proc/self/task/%d" % native)
        except OSError:
            return
        sleep(0.0002)


def stack_of(frame):
    """A frame and all beneath it, innermost first."""
    found = []
    while frame is not None and len(found) < 300:
        found.append(frame)
        frame = frame.f_back
    return found


def spots_of(frames):
    """Where frames are, in plain values and all at once.

    To judge files takes time, in which the program goes on; and what a frame that we hold refers to would not be freed
    by the program, nor when it expects that.
    """
    return [
        (
            frame.f_code.co_filename,
            frame.f_lineno,
            frame.f_code.co_name,
            frame.f_globals.get("__name__", "?"),
            source.is_given(frame),
        )
        for frame in frames
    ]


def is_users(spot):
    """Whether this is the user's code."""
    return source.is_user_code(spot[0], spot[4])


def user_places(spots):
    """The user's lines among spots given outermost first."""
    return [source.place(*spot[:3]) for spot in spots if is_users(spot)][-30:]


def within(spot):
    """What the innermost frame is busy with: a library's function, or the call on the user's line."""
    file, line, function, module, _ = spot
    if not is_users(spot):
        return "%s.%s" % (module, function)
    calls = source.calls_on(file, line)
    return source.dotted(calls[0].func) if calls else ""


def threads(channel):
    """Sends the stack of every thread but ours."""
    active = getattr(sys.modules.get("threading"), "_active", {})
    stacks = [
        (ident, spots_of(one for one in stack_of(frame) if not source.is_ours(one)))
        for ident, frame in list(current_frames().items())[:100]
        if ident != Thread.ident
    ]
    for ident, stack in stacks:
        places = user_places(reversed(stack))
        if places:
            name = seen.vars_of(active.get(ident)).get("_name", ident)
            channel.send({"e": "stack", "of": "thread %s" % name, "frames": places, "within": within(stack[0])})


def tasks(channel):
    """Sends the await chain of every pending asyncio task, and the failures nobody has asked for."""
    module = sys.modules.get("asyncio.tasks")
    if module is None:
        return
    for task in all_tasks(module)[:500]:
        kind = module.Task
        if kind.done(task):
            failed(task)
            continue
        frames, awaited = chain(kind.get_coro(task))
        spots = spots_of(frames)
        places = user_places(spots)
        if places:
            inner = awaited if is_users(spots[-1]) else within(spots[-1])
            channel.send(
                {"e": "stack", "of": "task %s" % kind.get_name(task), "frames": places, "within": inner}
            )
            channel.flush(True)


def all_tasks(module):
    """Every task there is, finished ones too."""
    found = []
    for name in ("_all_tasks", "_scheduled_tasks"):
        for reference in list(getattr(getattr(module, name, None), "data", ())):
            found.append(reference())
    found.extend(list(getattr(module, "_eager_tasks", ())))
    if sys.version_info >= (3, 14):
        import gc

        found.extend(one for one in gc.get_objects() if issubclass(type(one), module.Task))
    unique = {id(task): task for task in found if task is not None}
    return list(unique.values())


def chain(awaited):
    """The frames a coroutine waits through, outermost first, and what is awaited at the end."""
    frames = []
    while len(frames) < 100:
        for frame, inner in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await")):
            if hasattr(type(awaited), frame):
                break
        else:
            kind = type(awaited)
            return frames, "" if awaited is None else "%s.%s" % (kind.__module__, kind.__name__)
        if getattr(awaited, frame) is None:
            return frames, ""
        frames.append(getattr(awaited, frame))
        awaited = getattr(awaited, inner)
    return frames, ""


def failed(task):
    """A task that failed and whose exception nobody has asked for (Python 3.11.2 keeps some like that for ever)."""
    exc = task._exception
    if exc is None or not task._log_traceback or id(task) in told or busy(task):
        return
    told[id(task)] = _weakref.ref(task, lambda _, key=id(task): told.pop(key, None))
    seen.uncaught(exc, "silent")
    hooks.never_retrieved(hooks.task_name(task), exc)


def busy(task):
    """Whether the task's loop still has something to run: it may be about to ask, and tells the exception itself then."""
    if seen.vars_of(type(task).get_loop(task)).get("_ready"):
        return True
    return any(running_step(stack_of(frame)) for ident, frame in current_frames().items() if ident != Thread.ident)


def tick():
    """Looks whether an event loop is still in the callback it was in before, and at which line."""
    for ident, step in steps():
        if step is None:
            Loops.seen.pop(ident, None)
            continue
        handle, spots = step
        state = Loops.seen.get(ident)
        # Compared by identity, because comparing handles would compare what the program put into them.
        if state is None or state["handle"]() is not handle():
            state = {"handle": handle, "since": clock(), "next": BLOCKED_MS, "id": None, "looks": {}}
            Loops.seen[ident] = state
        if handle() is not None:
            count_line(state["looks"], spots)
            stalled(state)


def steps():
    """For each thread but ours the callback that its loop is running, with the spots above it; or nothing."""
    found = []
    for ident, frame in list(current_frames().items()):
        if ident != Thread.ident:
            step = running_step(stack_of(frame))
            found.append((ident, step and (step[0], spots_of(step[1][:200]))))
    return found


def running_step(stack):
    """The callback asyncio's loop in this thread is running, as a weak reference, and the frames above it.

    uvloop shows no such callback; a loop of its kind is not watched.
    """
    for depth, frame in enumerate(stack):
        code = frame.f_code
        if code.co_name == "_run" and code.co_filename.endswith("asyncio/events.py"):
            handle = frame.f_locals.get("self")
            return None if handle is None else (_weakref.ref(handle), stack[:depth])
    return None


def count_line(looks, spots):
    """Counts the user's innermost line: at the end of a long call a single look may find the line after it."""
    for spot in spots:
        if is_users(spot):
            place = spot[:3]
            looks[place] = looks.get(place, 0) + 1
            return


def stalled(state):
    """Reports a callback that has run for long, at the line of most looks, and again each time it has run for notably
    longer: netdiag takes off what the machine kept it waiting.
    """
    blocked = (clock() - state["since"]) * 1000
    looks = state["looks"]
    if blocked < state["next"] or not looks:
        return
    if state["id"] is None:
        Loops.stalls += 1
        state["id"] = Loops.stalls
    state["next"] = blocked * 1.25
    where = source.place(*max(looks, key=looks.get))
    seen.channel.emit({"e": "stall", "id": state["id"], "ms": blocked, "location": where})
