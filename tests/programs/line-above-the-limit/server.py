import asyncio
import signal


class Server:
    def __init__(self):
        self.peers = set()

    async def on_peer(self, reader, writer):
        self.peers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        finally:
            self.peers.discard(writer)
            writer.close()

    async def run(self):
        srv = await asyncio.start_server(self.on_peer, "127.0.0.1", 12345, limit=4096)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, srv.close)
        await srv.serve_forever()


asyncio.run(Server().run())
