import asyncio
import time

async def handle(reader, writer):
    line = await reader.readline()
    time.sleep(1.5)
    writer.write(line)
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 12345)
    await server.serve_forever()

asyncio.run(main())
