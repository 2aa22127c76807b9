import asyncio


async def serve(reader, writer):
    try:
        while line := await asyncio.wait_for(reader.readline(), timeout=1.5):
            await asyncio.sleep(0.3)
            writer.write(line)
            await writer.drain()
    except asyncio.TimeoutError:
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 12345, backlog=1024)
    async with server:
        await server.serve_forever()


asyncio.run(main())
