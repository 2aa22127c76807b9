import asyncio

async def on_connect(r, w):
    while line := await r.readline():
        await asyncio.sleep(0.7)
        w.write(line)
        await w.drain()
    w.close()

async def run():
    srv = await asyncio.start_server(on_connect, host="127.0.0.1", port=12345)
    await srv.serve_forever()

asyncio.run(run())
