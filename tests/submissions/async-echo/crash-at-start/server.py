import asyncio

config = {"host": "127.0.0.1"}


async def main():
    server = await asyncio.start_server(lambda r, w: None, config["host"], config["port"])
    await server.serve_forever()

asyncio.run(main())
