import asyncio,contextlib
async def main():
    r,w=await asyncio.open_connection("127.0.0.1",12345)
    async def reader():
        while d:=await r.read(100): print(d)
    t=asyncio.create_task(reader()); w.write(b"hello\n"); await asyncio.sleep(.5); t.cancel()
    with contextlib.suppress(asyncio.CancelledError): await t
    w.close()
asyncio.run(main())
