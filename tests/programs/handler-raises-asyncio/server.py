import asyncio

users = {}

async def handle(reader, writer):
    name = (await reader.readline()).decode().strip()
    count = users[name] + 1
    users[name] = count
    writer.write(f"{name} {count}\n".encode())
    await writer.drain()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 12345)
    await server.serve_forever()

asyncio.run(main())
