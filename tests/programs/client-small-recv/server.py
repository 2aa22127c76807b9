import asyncio

async def on_client(reader, writer):
    while data := await reader.readline():
        writer.write(data)
        await writer.drain()
    writer.close()

async def main():
    srv = await asyncio.start_server(on_client, "127.0.0.1", 12345)
    await srv.serve_forever()

asyncio.run(main())
