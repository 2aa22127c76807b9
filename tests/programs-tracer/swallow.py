import asyncio
import sys


async def talk():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    writer.write(b"hello\n")


async def main():
    try:
        await talk()
    except Exception:
        pass


asyncio.run(main())
