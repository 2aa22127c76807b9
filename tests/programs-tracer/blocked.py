import asyncio
import time


async def slow():
    time.sleep(0.6)


async def main():
    await asyncio.sleep(0.1)
    await slow()


asyncio.run(main())
