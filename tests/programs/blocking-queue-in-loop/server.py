import asyncio
import queue

jobs = queue.Queue()
results = queue.Queue()

async def handle(reader, writer):
    data = await reader.readline()
    jobs.put(data)
    reply = results.get()
    writer.write(reply)
    await writer.drain()
    writer.close()

async def worker():
    while True:
        if jobs.empty():
            await asyncio.sleep(0.01)
            continue
        results.put(jobs.get())

async def main():
    asyncio.create_task(worker())
    server = await asyncio.start_server(handle, "127.0.0.1", 12345)
    await server.serve_forever()

asyncio.run(main())
