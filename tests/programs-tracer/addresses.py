import asyncio
import socket
import socketserver
import sys

HOST = "127.0.0.1"


async def answer(reader, writer):
    writer.close()


async def serve():
    server = await asyncio.start_server(
        answer, HOST, 0
    )
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection(HOST, port)
    writer.close()
    server.close()
    return port


def main():
    plain = socket.socket()
    plain.bind((HOST, 0))
    plain.listen()
    for _ in range(3):
        socket.create_connection(plain.getsockname()).close()
    with socketserver.TCPServer((HOST, 0), None):
        pass
    local = socket.socket(socket.AF_UNIX)
    local.bind("\0netdiag-%d" % plain.getsockname()[1])
    try:
        socket.socket().bind((HOST, "no port"))
    except TypeError:
        print("refused")
    sys.addaudithook(lambda *event: None)
    return plain.getsockname()[1]


print(main() > 0, asyncio.run(serve()) > 0)
