#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
int main(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {2, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    struct sockaddr_in a = {0}; a.sin_family = AF_INET; a.sin_port = htons(12345); inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) { perror("connect"); return 1; }
    send(fd, "anybody there?\n", 15, 0);
    char b[100];
    ssize_t n = recv(fd, b, sizeof b, 0);
    if (n < 0) { perror("recv"); return 1; }
    fwrite(b, 1, n, stdout);
}
