import asyncio


class Talk(asyncio.Protocol):
    def __init__(self, lines, done):
        self.lines, self.done, self.got = lines, done, b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.lines[0])

    def data_received(self, data):
        self.got += data
        if self.got == self.lines[0]:
            self.lines, self.got = self.lines[1:], b""
            if self.lines:
                self.transport.write(self.lines[0])
            else:
                self.done.set_result(None)
                self.transport.close()

    def connection_lost(self, error):
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed by the server"))


async def main():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    await loop.create_connection(lambda: Talk([b"first\n", b"second\n"], done), "127.0.0.1", 12345)
    await asyncio.wait_for(done, 4)
    print("done")


asyncio.run(main())
