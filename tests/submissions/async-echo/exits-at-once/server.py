import asyncio


async def handle(reader, writer):
    writer.write(b"ECHO: " + await reader.readline())


async def main():
    await asyncio.start_server(handle, "127.0.0.1", 9999)

asyncio.run(main())
