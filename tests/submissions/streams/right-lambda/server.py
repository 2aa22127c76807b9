import asyncio
import logging
import signal

log = logging.getLogger("echo")


async def session(number, reader, writer):
    log.info("client %d is %s", number, writer.get_extra_info("peername"))
    try:
        async for line in reader:
            writer.writelines([line])
            await writer.drain()
    except ConnectionError as problem:
        log.warning("client %d: %s", number, problem)
    finally:
        writer.close()


async def main():
    logging.basicConfig(level=logging.INFO)
    numbers = iter(range(1, 1 << 30))
    server = await asyncio.start_server(lambda r, w: session(next(numbers), r, w), host="localhost", port=8888)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
