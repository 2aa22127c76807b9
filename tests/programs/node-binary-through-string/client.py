import socket
blob = bytes([0x89, 0x50, 0x4E, 0x47, 0xFF, 0xFE, 0x00, 0x41])
s = socket.create_connection(("127.0.0.1", 12345))
s.sendall(blob)
got = b""
while len(got) < len(blob):
    got += s.recv(100)
print("same" if got == blob else f"different: {got!r}")
s.close()
