import asyncio

count = 0


async def handle(reader, writer):
    global count
    count += 1
    while True:
        try:
            line = await asyncio.wait_for(reader.readline(), 1.5)
        except asyncio.TimeoutError:
            break
        if not line:
            break
        writer.write(b"ECHO: " + line)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 9999)
    async with server:
        await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
