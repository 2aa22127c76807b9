import asyncio
import sys


async def talk(text):
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write(text.encode() + b"\n")
    await writer.drain()
    answer = await reader.readuntil(b"\n")
    writer.close()
    await writer.wait_closed()
    return answer.decode().strip()


async def main():
    try:
        print(await asyncio.wait_for(talk("ping"), timeout=2))
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
        print(f"failed: {type(error).__name__} {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(asyncio.run(main()))
