import asyncio


async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write(b"a line of some length\n")
    data = await asyncio.wait_for(reader.read(1000), 3)
    if not data:
        raise ConnectionError("closed by the server")
    print(data.decode())
    writer.close()
    await writer.wait_closed()


asyncio.run(main())
