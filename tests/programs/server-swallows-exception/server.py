import asyncio
import json

async def handle(reader, writer):
    while line := await reader.readline():
        try:
            message = json.loads(line)
            writer.write(json.dumps(message).encode() + b"\n")
            await writer.drain()
        except Exception:
            pass
    writer.close()

async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 12345) as server:
        await server.serve_forever()

asyncio.run(main())
