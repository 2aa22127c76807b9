import asyncio
async def h(r,w):
    while d:=await r.read(100): w.write(d); await w.drain()
    w.close()
async def main():
    s=await asyncio.start_server(h,"127.0.0.1",12345)
    async with s: await s.serve_forever()
asyncio.run(main())
