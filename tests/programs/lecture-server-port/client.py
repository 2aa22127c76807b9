import asyncio
import sys

async def echo_client(message):
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write(message.encode() + b"\n")
    await writer.drain()
    data = await reader.readline()
    print(f"Received: {data.decode()!r}")
    writer.close()
    await writer.wait_closed()

asyncio.run(echo_client(sys.argv[1]))
