import asyncio


class Echo(asyncio.Protocol):
    """Answers a little later, to look busy."""

    def connection_made(self, transport):
        self.transport = transport
        self.pending = b""

    def data_received(self, data):
        self.pending += data
        while b"\n" in self.pending:
            line, self.pending = self.pending.split(b"\n", 1)
            asyncio.get_running_loop().call_later(0.02, self.answer, line + b"\n")

    def answer(self, line):
        if not self.transport.is_closing():
            self.transport.write(line)


async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 12345)
    await server.serve_forever()


asyncio.run(main())
