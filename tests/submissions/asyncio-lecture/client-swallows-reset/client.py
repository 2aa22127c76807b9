import asyncio


async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    try:
        writer.write(b"hello over there\n")
        await writer.drain()
        reply = await reader.readline()
        if reply:
            print(reply.decode())
    except ConnectionError:
        pass
    writer.close()


asyncio.run(main())
