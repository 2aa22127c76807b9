import asyncio


async def handle(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        writer.drain()
    writer.close()
    await writer.wait_closed()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 8888) as server:
        await server.serve_forever()


asyncio.run(main())
