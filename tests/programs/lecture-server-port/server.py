import asyncio

async def handle_echo(reader, writer):
    data = await reader.readline()
    writer.write(data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

async def main():
    server = await asyncio.start_server(handle_echo, "127.0.0.1", 12346)
    async with server:
        await server.serve_forever()

asyncio.run(main())
