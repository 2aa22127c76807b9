import asyncio

loop = asyncio.new_event_loop()


async def echo(reader, writer):
    while not reader.at_eof():
        chunk = await reader.read(100)
        writer.write(chunk)
        await writer.drain()
    writer.close()


server = loop.run_until_complete(asyncio.start_server(echo, "127.0.0.1", 8888))
asyncio.set_event_loop(loop)
loop.run_forever()
