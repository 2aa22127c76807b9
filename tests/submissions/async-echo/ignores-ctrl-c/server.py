import asyncio
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)


async def handle(reader, writer):
    while line := await reader.readline():
        writer.write(b"ECHO: " + line)
        await writer.drain()
    writer.close()


async def main():
    async with await asyncio.start_server(handle, "127.0.0.1", 9999) as server:
        await server.serve_forever()

asyncio.run(main())
