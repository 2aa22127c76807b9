async def handle(reader, writer):
    async for line in reader:
        writer.write(b"ECHO: " + line)
        await writer.drain()
    writer.close()
