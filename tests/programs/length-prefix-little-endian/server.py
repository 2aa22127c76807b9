import asyncio
import struct

async def handle(reader, writer):
    try:
        while True:
            head = await reader.readexactly(4)
            (n,) = struct.unpack(">I", head)
            body = await reader.readexactly(n)
            writer.write(head + body)
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 12345)
    await server.serve_forever()

asyncio.run(main())
