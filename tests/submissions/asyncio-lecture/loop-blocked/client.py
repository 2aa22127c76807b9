import asyncio
import sys

CLIENTS, REPETITIONS = 5, 4


async def client(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    for repetition in range(REPETITIONS):
        message = f"client {number}, message {repetition}\n".encode()
        writer.write(message)
        await writer.drain()
        reply = await asyncio.wait_for(reader.readline(), timeout=3)
        if reply != message:
            raise ConnectionError(f"client {number}: {reply!r} instead of {message!r}")
    writer.close()
    await writer.wait_closed()


async def main():
    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    print("all echoed")


try:
    asyncio.run(main())
except (OSError, asyncio.TimeoutError) as error:
    print("error:", error or type(error).__name__, file=sys.stderr)
    sys.exit(1)
