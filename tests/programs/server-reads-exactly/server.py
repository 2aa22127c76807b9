import asyncio

SIZE = 1024

async def handle(reader, writer):
    while True:
        block = await reader.readexactly(SIZE)
        writer.write(block)
        await writer.drain()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 12345)
    await server.serve_forever()

asyncio.run(main())
