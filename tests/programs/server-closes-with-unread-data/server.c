#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    bind(s, (struct sockaddr *)&a, sizeof a);
    listen(s, 5);
    for (;;) {
        int c = accept(s, NULL, NULL);
        char name[8];
        int n = recv(c, name, sizeof name, 0);
        send(c, name, n, 0);
        close(c);
    }
}
