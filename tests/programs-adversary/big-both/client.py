import socket,threading
c=socket.create_connection(("127.0.0.1",12345)); N=50*1000*1000
def send():
    c.sendall(b"abcdefghij"*(N//10)); c.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
n=0
while d:=c.recv(1<<20): n+=len(d)
assert n==N; print(n)
