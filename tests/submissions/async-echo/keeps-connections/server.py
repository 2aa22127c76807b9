import asyncio

writers = []


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        writers.append(transport)

    def data_received(self, data):
        for line in data.splitlines(keepends=True):
            self.transport.write(b"ECHO: " + line)

    def eof_received(self):
        return True


async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 9999)
    await server.serve_forever()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
