#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main() {
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in serv_addr = {.sin_family = AF_INET, .sin_port = htons(12345)};
    char *hello = "Hello from client";
    char buffer[1024] = {0};
    inet_pton(AF_INET, "127.0.0.1", &serv_addr.sin_addr);
    if (connect(sock, (struct sockaddr *)&serv_addr, sizeof(serv_addr)) < 0) {
        printf("Connection Failed\n");
        return -1;
    }
    send(sock, hello, strlen(hello), 0);
    read(sock, buffer, 1024 - 1);
    printf("%s\n", buffer);
    close(sock);
    return 0;
}
