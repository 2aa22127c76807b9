import asyncio
from dataclasses import dataclass

IDLE = 1.8


@dataclass
class Metrics:
    connections: int = 0
    messages: int = 0
    idle: int = 0


async def handle(metrics, reader, writer):
    metrics.connections += 1
    try:
        while line := await asyncio.wait_for(reader.readline(), IDLE):
            metrics.messages += 1
            writer.write(b"ECHO: " + line)
            await writer.drain()
    except asyncio.TimeoutError:
        metrics.idle += 1
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    metrics = Metrics()
    server = await asyncio.start_server(lambda r, w: handle(metrics, r, w), "127.0.0.1", 9999)
    try:
        await server.serve_forever()
    finally:
        print(metrics)


asyncio.run(main())
