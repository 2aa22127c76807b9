import asyncio
import sys


async def handle(reader, writer):
    line = await reader.readline()
    print("got", line, file=sys.stderr)
    asyncio.get_running_loop().stop()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 9999)
    await server.serve_forever()

asyncio.run(main())
