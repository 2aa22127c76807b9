import socket


def talk(sock, text):
    sock.sendall(text)
    return sock.recv(1024)


alice = socket.create_connection(("127.0.0.1", 12345))
bob = socket.create_connection(("127.0.0.1", 12345))
print("alice", talk(alice, b"hi, I am alice"))
print("bob", talk(bob, b"hi, I am bob"))
alice.close()
bob.close()
