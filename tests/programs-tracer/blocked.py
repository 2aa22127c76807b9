import asyncio
import time


async def slow():
    time.sleep(0.19)
    time.sleep(0.19)


async def main():
    await asyncio.sleep(0.1)
    await slow()


asyncio.run(main())
