import asyncio

async def ask(n):
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    msg = f"client {n}\n".encode()
    writer.write(msg)
    back = await asyncio.wait_for(reader.readexactly(len(msg)), timeout=8)
    writer.close()
    await writer.wait_closed()
    return back.decode().strip()

async def main():
    print(await asyncio.gather(*(ask(i) for i in range(6))))

asyncio.run(main())
