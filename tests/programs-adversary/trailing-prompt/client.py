import socket
c = socket.create_connection(("127.0.0.1", 12345))
def until_prompt():
    b=b""
    while not b.endswith(b"> "): b+=c.recv(100)
    return b
print(until_prompt())
for w in (b"one",b"two"):
    c.sendall(w+b"\n"); print(until_prompt())
c.close()
