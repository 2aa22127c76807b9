import asyncio
import time


async def handle(reader, writer):
    while line := await reader.readline():
        time.sleep(0.4)
        writer.write(b"ECHO: " + line)
        await writer.drain()
    writer.close()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 9999) as server:
        await server.serve_forever()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
