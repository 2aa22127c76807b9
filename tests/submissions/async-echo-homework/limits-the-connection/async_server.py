"""Echo with time-out, metrics and shutdown."""
import asyncio

served = {"connections": 0, "messages": 0}


async def talk(reader, writer):
    while True:
        data = await reader.readline()
        if not data:
            return
        served["messages"] += 1
        writer.write(b"ECHO: " + data)
        await writer.drain()


async def handle(reader, writer):
    served["connections"] += 1
    try:
        await asyncio.wait_for(talk(reader, writer), timeout=2)
    except asyncio.TimeoutError:
        print("timeout")
    writer.close()


async def report():
    while True:
        await asyncio.sleep(0.2)
        print(", ".join(f"{key}: {value}" for key, value in served.items()), flush=True)


async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 9999)
    await asyncio.gather(server.serve_forever(), report())


try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("stopped;", served)
