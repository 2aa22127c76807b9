import asyncio
import time


async def handle(reader, writer):
    async for line in reader:
        time.sleep(0.3)  # pretend to work
        writer.write(line)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 12345, backlog=1000)
    await server.serve_forever()


asyncio.run(main())
