import asyncio


class Echo(asyncio.DatagramProtocol):
    peer = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if self.peer is None:
            self.peer = addr
        self.transport.sendto(data, self.peer)


async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 9999))
    await asyncio.Event().wait()


asyncio.run(main())
