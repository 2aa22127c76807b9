import asyncio

async def handle_echo(reader, writer):
    while True:
        data = await reader.readline()
        if not data:
            break
        print(f"Received {data!r}")
    writer.close()

async def main():
    server = await asyncio.start_server(handle_echo, "127.0.0.1", 12345)
    async with server:
        await server.serve_forever()

asyncio.run(main())
