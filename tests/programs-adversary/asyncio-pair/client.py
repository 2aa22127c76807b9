import asyncio
async def one(i):
    r,w=await asyncio.open_connection("127.0.0.1",12345)
    w.write(b"m%d\n"%i); assert await asyncio.wait_for(r.readline(),5)==b"m%d\n"%i; w.close()
async def main(): await asyncio.gather(*(one(i) for i in range(10)))
asyncio.run(main())
