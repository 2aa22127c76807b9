import asyncio

async def handle(r, w):
    try:
        while True:
            line = await r.readuntil(b"\n")
            w.write(b"> " + line)
            await w.drain()
    except asyncio.IncompleteReadError:
        w.close()

async def main():
    s = await asyncio.start_server(handle, "127.0.0.1", 12345)
    await s.serve_forever()

asyncio.run(main())
