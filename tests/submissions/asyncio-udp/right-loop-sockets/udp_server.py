import asyncio
import socket


async def main():
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("0.0.0.0", 9999))
    while True:
        data, peer = await loop.sock_recvfrom(sock, 65535)
        await loop.sock_sendto(sock, data, peer)


asyncio.run(main())
