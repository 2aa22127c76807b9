import asyncio

async def h(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()

async def main():
    async with await asyncio.start_server(h, "127.0.0.1", 12345) as s:
        await s.serve_forever()

asyncio.run(main())
