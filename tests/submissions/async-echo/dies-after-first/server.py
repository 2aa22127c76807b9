import asyncio
import sys


async def handle(reader, writer):
    writer.write(b"ECHO: " + await reader.readline())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    asyncio.get_running_loop().stop()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 9999) as server:
        await server.serve_forever()

try:
    asyncio.run(main())
except (KeyboardInterrupt, RuntimeError):
    sys.exit(1)
