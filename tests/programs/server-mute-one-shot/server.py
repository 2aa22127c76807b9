import socket

server = socket.create_server(("127.0.0.1", 12345))
connection, address = server.accept()
print("connected:", address)
while True:
    data = connection.recv(1024)
    if not data:
        break
    print("received:", data.decode())
connection.close()
server.close()
