import asyncio


async def answer(writer, line):
    writer.write(line)
    await writer.drain()


async def handle(reader, writer):
    while line := await reader.readline():
        answer(writer, line)
    writer.close()


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 8888)
    await server.serve_forever()


asyncio.run(main())
