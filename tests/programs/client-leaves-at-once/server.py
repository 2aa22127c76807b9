import asyncio

async def handle(reader, writer):
    try:
        while line := await reader.readline():
            await asyncio.sleep(0.3)
            writer.write(line)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 12345) as s:
        await s.serve_forever()

asyncio.run(main())
