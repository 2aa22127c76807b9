import asyncio

async def echo_back(reader, writer):
    data = await reader.read(1024)
    writer.write(data)
    await writer.drain()

async def on_connection(reader, writer):
    echo_back(reader, writer)

async def main():
    server = await asyncio.start_server(on_connection, "127.0.0.1", 12345)
    await server.serve_forever()

asyncio.run(main())
