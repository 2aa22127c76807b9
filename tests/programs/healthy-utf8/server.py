import asyncio

async def handler(reader, writer):
    while True:
        raw = await reader.readline()
        if raw == b'':
            break
        text = raw.decode('utf-8')
        print('>', text.strip())
        writer.write(text.encode('utf-8'))
        await writer.drain()
    writer.close()

async def main():
    srv = await asyncio.start_server(handler, '127.0.0.1', 12345)
    await srv.serve_forever()

asyncio.run(main())
