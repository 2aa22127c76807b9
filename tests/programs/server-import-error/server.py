import asyncio
from echo_protocol import EchoServer

async def main():
    await EchoServer("127.0.0.1", 12345).serve()

asyncio.run(main())
