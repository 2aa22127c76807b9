#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        perror("connect");
        return 1;
    }
    FILE *to = fdopen(fd, "w"), *from = fdopen(dup(fd), "r");
    char line[80];
    fprintf(to, "hello\n");
    if (fgets(line, sizeof line, from))
        printf("%s", line);
    return 0;
}
