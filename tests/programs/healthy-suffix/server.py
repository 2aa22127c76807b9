import asyncio

async def cb(reader, writer):
    async for line in reader:
        text = line.decode().rstrip("\n")
        writer.write(f"{text} (echo)\n".encode())
    writer.close()

async def main():
    async with await asyncio.start_server(cb, "127.0.0.1", 12345) as s:
        await s.serve_forever()

asyncio.run(main())
