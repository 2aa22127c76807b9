import asyncio


class EchoServerProtocol:
    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        print("closed", error)

    def datagram_received(self, data, addr):
        print("Received %r from %s" % (data.decode(), addr))
        self.transport.sendto(data, addr)


async def main():
    print("Starting UDP server")
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: EchoServerProtocol(), local_addr=("127.0.0.1", 9999)
    )
    try:
        await asyncio.sleep(3600)
    finally:
        transport.close()


asyncio.run(main())
