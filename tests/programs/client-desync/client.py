import socket

s = socket.create_connection(("127.0.0.1", 12345))
for question in ["What is your name?\n", "What is your quest?\n", "What is your favourite colour?\n"]:
    s.sendall(question.encode())
    answer = s.recv(8).decode()
    print(repr(answer))
    assert question.startswith(answer), f"wrong echo {answer!r}"
s.close()
