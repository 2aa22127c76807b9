import asyncio

import streams


async def flush(writer):
    await writer.drain()


asyncio.run(streams.main())
