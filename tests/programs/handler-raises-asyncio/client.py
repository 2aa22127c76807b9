import asyncio

async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write(b"alice\n")
    await writer.drain()
    print("answer:", await reader.readline())
    writer.close()

asyncio.run(main())
