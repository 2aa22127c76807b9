#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main() {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {0};
    a.sin_family = AF_INET;
    a.sin_port = htons(12345);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        perror("bind");
        exit(1);
    }
    while (1) {
        int c = accept(fd, NULL, NULL);
        if (c < 0) {
            perror("accept");
            exit(1);
        }
        char b[64];
        int n = read(c, b, sizeof b);
        write(c, b, n);
        close(c);
    }
}
