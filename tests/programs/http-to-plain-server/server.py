import asyncio

async def h(r, w):
    while line := await r.readline():
        w.write(line)
        await w.drain()
    w.close()

async def main():
    await (await asyncio.start_server(h, "127.0.0.1", 12345)).serve_forever()

asyncio.run(main())
