#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH = 12000 };

static ssize_t exchange(int fd, const char *message, char *answer) {
    for (size_t sent = 0; sent < LENGTH;) {
        ssize_t n = send(fd, message + sent, LENGTH - sent, 0);
        if (n < 0)
            return n;
        sent += n;
    }
    return recv(fd, answer, LENGTH, 0);
}

int main(void) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(12345)};
    inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) {
        perror("connect");
        return 1;
    }
    char *message = malloc(LENGTH), *answer = malloc(LENGTH);
    for (int i = 0; i < LENGTH; i++)
        message[i] = 'a' + i % 26;
    ssize_t got = exchange(fd, message, answer);
    close(fd);
    if (got != LENGTH || memcmp(message, answer, LENGTH) != 0) {
        fprintf(stderr, "sent %d bytes, got %zd back\n", LENGTH, got);
        return 1;
    }
    return 0;
}
