import asyncio
import sys


async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    writer.write(b"quick quick\n")
    try:
        print(await asyncio.wait_for(reader.readline(), 0.2))
    except asyncio.TimeoutError:
        sys.exit("error: too slow")
    except ConnectionError as error:
        sys.exit(f"error: {error}")
    writer.close()


asyncio.run(main())
