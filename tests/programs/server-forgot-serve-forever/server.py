import asyncio

async def echo(r, w):
    w.write(await r.readline())
    await w.drain()
    w.close()

async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 12345)
    print("Serving on", server.sockets[0].getsockname())

asyncio.run(main())
