import asyncio

HOST, PORT = "127.0.0.1", 12345


async def handle_client(reader, writer):
    peer = writer.get_extra_info("peername")
    while data := await reader.readline():
        writer.write(data)
        await writer.drain()
    print(f"{peer[0]} has left")
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(handle_client, HOST, PORT, backlog=1000)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
