import asyncio


async def serve(reader, writer):
    async for line in reader:
        writer.write(line)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 12345, backlog=1024)
    async with server:
        await server.serve_forever()


asyncio.run(main())
