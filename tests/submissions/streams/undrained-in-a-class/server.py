import asyncio


class Client:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def send(self, data):
        self.writer.write(data)

    async def talk(self):
        while data := await self.reader.readline():
            self.send(data)
        self.writer.close()


async def on_connect(reader, writer):
    await Client(reader, writer).talk()


async def main():
    server = await asyncio.start_server(on_connect, "127.0.0.1", 8888)
    async with server:
        await server.serve_forever()


asyncio.run(main())
