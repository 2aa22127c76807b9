import asyncio

async def main():
    r, w = await asyncio.open_connection("127.0.0.1", 12345)
    w.write(b"hello\n")
    print(await r.readline())

asyncio.run(main())
