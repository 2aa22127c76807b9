import asyncio
import contextlib

from handler import handle


async def main():
    async with await asyncio.start_server(handle, "localhost", 9999) as server:
        await server.serve_forever()

with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
