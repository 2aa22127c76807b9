import asyncio
import logging

logging.basicConfig(level=logging.INFO)

async def serve_one(reader, writer):
    peer = writer.get_extra_info("peername")
    logging.info("hello %s", peer)
    try:
        while data := await reader.read(1024):
            await asyncio.sleep(0.05)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
        logging.info("bye %s", peer)

async def main():
    server = await asyncio.start_server(serve_one, "127.0.0.1", 12345)
    async with server:
        await server.serve_forever()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
