import asyncio

async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write(b"hello\n")
    await writer.drain()
    data = await reader.read()
    print(data)
    writer.close()

asyncio.run(main())
