import sys
import threading


def work():
    try:
        int("x")
    except ValueError:
        pass


def show(frame, event, argument):
    if event == "call":
        print("call", frame.f_code.co_name)
    return None


def profile(frame, event, argument):
    name = getattr(argument, "__name__", "") if event.startswith("c_") else frame.f_code.co_name
    sys.stdout.write("%s %s\n" % (event, name)) if name != "write" else None


sys.settrace(show)
work()
sys.settrace(None)
sys.setprofile(profile)
work()
sys.setprofile(None)
