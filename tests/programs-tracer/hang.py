import asyncio
import socket
import threading


def blocked_in_accept(listener):
    listener.accept()


async def read_line(reader):
    return await reader.readline()


async def fail():
    raise LookupError("kept")


async def main():
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    kept = asyncio.ensure_future(fail())
    waiting = asyncio.ensure_future(read_line(reader))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # Said only once this task waits on the next line: what is said before it could be heard before it.
    asyncio.get_running_loop().call_soon(lambda: print("ready", flush=True))
    await waiting
    kept.cancel()


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
threading.Thread(target=blocked_in_accept, args=(listener,), daemon=True).start()
asyncio.run(main())
