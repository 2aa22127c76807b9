class Session:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def run(self):
        try:
            while True:
                line = await self.reader.readline()
                if not line:
                    break
                await self.send(line)
        finally:
            self.writer.close()
