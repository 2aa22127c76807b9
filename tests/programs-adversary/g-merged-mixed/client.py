import socket,time
cs=[socket.create_connection(("127.0.0.1",12345)) for _ in range(2)]
for c in cs: c.settimeout(2)
cs[0].sendall(b"aaaa"); time.sleep(.1); cs[1].sendall(b"bbbb\n"); time.sleep(.1); cs[0].sendall(b"aa\n")
print(cs[1].recv(100)); print(cs[0].recv(100))
