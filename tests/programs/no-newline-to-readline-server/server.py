import asyncio

async def handle_client(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(line)
        await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(handle_client, "127.0.0.1", 12345)
    async with server:
        await server.serve_forever()

asyncio.run(main())
