import asyncio


class Lines(asyncio.Protocol):
    rest = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        whole, newline, self.rest = (self.rest + data).rpartition(b"\n")
        self.transport.write(whole + newline)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Lines, "0.0.0.0", 12345, backlog=1024)
    await server.serve_forever()


asyncio.run(main())
