import asyncio
import gc


async def answer():
    await asyncio.sleep(0)


async def boom():
    raise LookupError("nobody asks")


async def main():
    answer()
    later = asyncio.sleep(1)
    task = asyncio.ensure_future(boom())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    return later is None


asyncio.run(main())
