import asyncio


async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write("ECHO: ".encode() + line)
        await writer.drain()
    writer.close()

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(asyncio.start_server(serve, host="127.0.0.1", port=9999))
try:
    loop.run_forever()
except KeyboardInterrupt:
    pass
