import asyncio
import functools


async def undrained(reader, writer):
    writer.write(await reader.readline())
    writer.close()


def plain(reader, writer):
    writer.write(b"x")
    writer.close()


def starter(reader, writer):
    asyncio.ensure_future(undrained(reader, writer))


class Service:
    async def method(self, name, reader, writer):
        await undrained(reader, writer)

    async def __call__(self, reader, writer):
        await undrained(reader, writer)


async def main():
    service = Service()
    handlers = [
        undrained,
        plain,
        starter,
        functools.partial(service.method, "x"),
        lambda reader, writer: undrained(reader, writer),
        service,
    ]
    for handler in handlers:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x\n")
        await reader.read()
        writer.close()
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
