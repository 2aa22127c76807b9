import asyncio

async def send_message(writer, text):
    writer.write(text.encode() + b"\n")
    await writer.drain()

async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 12345)
    send_message(writer, "hello")
    reply = await reader.readline()
    print(reply)
    writer.close()

asyncio.run(main())
