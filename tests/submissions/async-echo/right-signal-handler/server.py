"""Echo server that leaves through an event."""
import asyncio
import logging
import signal

logging.basicConfig(filename="server.log", level=logging.INFO)


class Echo:
    def __init__(self):
        self.served = 0

    async def client(self, reader, writer):
        try:
            async for line in reader:
                self.served += 1
                writer.write(b"ECHO: ")
                writer.write(line)
                await writer.drain()
        except (ConnectionResetError, BrokenPipeError) as error:
            logging.info("client left: %s", error)
        finally:
            writer.close()


async def main():
    echo = Echo()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    server = await asyncio.start_server(echo.client, "0.0.0.0", 9999)
    logging.info("listening")
    await stop.wait()
    server.close()


asyncio.run(main())
