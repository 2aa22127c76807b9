import asyncio

try:
    import orjson_is_not_here as json
except ImportError:
    import json

def number(text):
    try:
        return int(text)
    except ValueError:
        return None

async def handle(reader, writer):
    while line := await reader.readline():
        if number(line) is not None:
            print("a number")
        writer.write(line)
        await writer.drain()
    writer.close()
    try:
        await writer.wait_closed()
    except Exception:
        pass

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 12345) as s:
        await s.serve_forever()

asyncio.run(main())
