import asyncio
import sys

async def main(text):
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write((text + "\n").encode())
    await writer.drain()
    reply = await reader.readline()
    print("server said:", reply.decode().rstrip())
    writer.close()
    await writer.wait_closed()

asyncio.run(main(sys.argv[1]))
