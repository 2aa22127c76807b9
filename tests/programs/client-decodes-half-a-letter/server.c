#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int l = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    if (bind(l, (struct sockaddr *)&a, sizeof a)) { perror("bind"); return 1; }
    listen(l, 5);
    while (1) {
        int c = accept(l, NULL, NULL);
        char b[4096];
        ssize_t n;
        while ((n = recv(c, b, sizeof b, 0)) > 0)
            send(c, b, n, MSG_NOSIGNAL);
        close(c);
    }
}
