import asyncio
import sys


async def main():
    reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", 12345), 1)
    writer.write(b"hello from asyncio\n")
    await writer.drain()
    reply = await asyncio.wait_for(reader.readline(), 1)
    print(reply.decode().rstrip())
    writer.close()
    await writer.wait_closed()


try:
    asyncio.run(main())
except (OSError, asyncio.TimeoutError) as error:
    print("something failed:", repr(error), file=sys.stderr)
    sys.exit(1)
