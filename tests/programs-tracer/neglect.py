import asyncio
import gc


async def answer():
    await asyncio.sleep(0)


async def boom():
    raise LookupError("nobody asks")


async def main():
    answer()
    task = asyncio.ensure_future(boom())
    await asyncio.sleep(0.01)
    del task
    gc.collect()


asyncio.run(main())
