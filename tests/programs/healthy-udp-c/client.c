#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(12345)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) { perror("connect"); return 1; }
    send(fd, argv[1], strlen(argv[1]), 0);
    char reply[2048];
    ssize_t n = recv(fd, reply, sizeof reply, 0);
    if (n < 0) { perror("recv"); return 1; }
    printf("%.*s\n", (int)n, reply);
    close(fd);
    return 0;
}
