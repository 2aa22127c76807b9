import asyncio
import time


async def slow():
    time.sleep(1.0)
    time.sleep(0.5)


async def main():
    await asyncio.sleep(0.1)
    await slow()


asyncio.run(main())
