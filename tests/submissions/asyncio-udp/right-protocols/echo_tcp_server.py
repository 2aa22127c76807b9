import asyncio


class EchoServerProtocol(asyncio.Protocol):
    def connection_made(self, transport):
        print("Connection from", transport.get_extra_info("peername"))
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(EchoServerProtocol, "127.0.0.1", 8888)
    async with server:
        await server.serve_forever()


asyncio.run(main())
