#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(12345)};
    struct sockaddr_in client = {.sin_family = AF_INET, .sin_port = htons(12346)};
    client.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (bind(fd, (struct sockaddr *)&me, sizeof me) < 0) { perror("bind"); return 1; }
    for (;;) {
        char b[1500];
        int n = recv(fd, b, sizeof b, 0);
        sendto(fd, b, n, 0, (struct sockaddr *)&client, sizeof client);
    }
}
