import asyncio

async def handle(reader, writer)
    writer.write(b"ECHO: " + await reader.readline())
