import asyncio

from session import Session


class Server:
    def __init__(self, port):
        self.port = port
        self.sessions = set()

    def accept(self, reader, writer):
        task = asyncio.create_task(Session(reader, writer).run())
        self.sessions.add(task)
        task.add_done_callback(self.sessions.discard)

    async def run(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)
        await server.serve_forever()


asyncio.run(Server(8888).run())
