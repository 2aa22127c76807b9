import asyncio

async def handle(reader, writer):
    try:
        while True:
            line = await asyncio.wait_for(reader.readline(), timeout=30)
            if not line:
                return
            writer.write(line)
            await writer.drain()
    except asyncio.TimeoutError:
        pass
    finally:
        writer.close()

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 12345) as s:
        await s.serve_forever()

asyncio.run(main())
