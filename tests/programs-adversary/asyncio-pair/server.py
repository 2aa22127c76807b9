import asyncio
async def h(r,w):
    try:
        while d:=await r.readline():
            await asyncio.sleep(.3); w.write(d); await w.drain()
    except ConnectionResetError: pass
    finally: w.close()
async def main():
    s=await asyncio.start_server(h,"127.0.0.1",12345)
    async with s: await s.serve_forever()
asyncio.run(main())
