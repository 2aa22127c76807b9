import asyncio

async def slow(reader, writer):
    while data := await reader.read(100):
        await asyncio.sleep(0.4)
        writer.write(data)
    writer.close()

async def main():
    async with await asyncio.start_server(slow, "127.0.0.1", 12345) as s:
        await s.serve_forever()

asyncio.run(main())
