import asyncio


async def handle(reader, writer):
    while data := await reader.read(1024):
        writer.write(b"ECHO: " + data)
        await writer.drain()
    writer.close()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 9999) as server:
        await server.serve_forever()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
