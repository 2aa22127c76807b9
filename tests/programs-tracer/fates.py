"""One function per fate of an exception; its name says which."""
import asyncio
import concurrent.futures
import contextlib
import logging
import socket
import socketserver
import sys
import threading
import _thread
import time
import traceback

CLOSED = ("127.0.0.1", int(sys.argv[1]))


def silent_pass():
    try:
        socket.create_connection(CLOSED)
    except OSError:
        pass


def silent_direct():
    s = socket.socket()
    try:
        s.connect(CLOSED)
    except OSError as error:
        return None
    finally:
        s.close()


def silent_loop():
    for text in ("1", "x"):
        try:
            int(text)
        except ValueError:
            continue


def silent_exit():
    try:
        raise ConnectionResetError(104, "reset")
    except ConnectionResetError:
        if False:
            sys.exit(0)


def silent_suppress():
    with contextlib.suppress(OSError):
        socket.create_connection(CLOSED)


def reported_print():
    try:
        int("x")
    except ValueError as error:
        print("failed:", error)


def reported_logging():
    try:
        int("x")
    except ValueError:
        logging.exception("failed")


def reported_stderr():
    try:
        int("x")
    except (KeyError, ValueError):
        sys.stderr.write("failed\n")


def reported_traceback():
    try:
        int("x")
    except Exception:
        traceback.print_exc()


def complain(error):
    print("complaint:", error)


def reported_through_a_function():
    try:
        int("x")
    except ValueError as error:
        complain(error)


def reraised_bare():
    try:
        int("x")
    except ValueError:
        raise


def reraised_another():
    try:
        int("x")
    except ValueError as error:
        raise RuntimeError("worse") from error


def handled_retry():
    try:
        int("x")
    except ValueError:
        time.sleep(0)


def handled_value():
    try:
        return int("x")
    except ValueError as error:
        return error


async def silent_gather():
    await asyncio.gather(asyncio.open_connection(*CLOSED), return_exceptions=True)


async def handled_gather():
    return await asyncio.gather(asyncio.open_connection(*CLOSED), return_exceptions=True)


async def silent_await():
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError:
        ...


class Datagrams(asyncio.DatagramProtocol):
    def error_received(self, exc):
        """Told and silent."""

    def connection_lost(self, exc):
        pass


def uncaught_thread():
    raise LookupError("in a thread")


begun = threading.Event()


def uncaught_old_thread():
    begun.set()
    raise LookupError("in an old thread")


def silent_pool():
    raise LookupError("in a pool")


def asked_pool():
    raise LookupError("in a pool, asked")


class Silly(socketserver.BaseRequestHandler):
    def handle(self):
        raise LookupError("in a request")


class Careless(Exception):
    def __str__(self):
        print("this must not be printed by the tracer")
        return "careless"


def silent_careless():
    try:
        raise Careless()
    except Careless:
        pass


async def loops():
    await silent_gather()
    await handled_gather()
    await silent_await()


def serve_once():
    with socketserver.TCPServer(("127.0.0.1", 0), Silly) as server:
        with socket.create_connection(server.server_address):
            server.handle_request()


def main():
    for name, value in list(globals().items()):
        if name.startswith(("silent_", "reported_", "handled_", "reraised_")) and not asyncio.iscoroutinefunction(value):
            if name != "silent_pool":
                try:
                    value()
                except (ValueError, RuntimeError) as error:
                    print(name, "let through", repr(error))
    asyncio.run(loops())
    thread = threading.Thread(target=uncaught_thread, name="worker")
    thread.start()
    thread.join()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(silent_pool)
        asked = pool.submit(asked_pool)
        print(repr(asked.exception()))
        del asked
    sys.stderr = open("/dev/null", "w")  # two lines there hold addresses and thread numbers
    serve_once()
    before = _thread._count()
    _thread.start_new_thread(uncaught_old_thread, ())
    begun.wait()
    while _thread._count() > before:
        time.sleep(0.001)
    sys.stderr = sys.__stderr__


main()
