import asyncio

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)


class Udp(asyncio.DatagramProtocol):
    transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        loop.create_task(self.answer(data, peer))

    async def answer(self, data, peer):
        await asyncio.sleep(0)
        self.transport.sendto(data, peer)


loop.run_until_complete(loop.create_datagram_endpoint(Udp, local_addr=("127.0.0.1", 9999)))
loop.run_forever()
