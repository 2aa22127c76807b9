#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0) { perror("bind"); return 1; }
    listen(s, 8);
    for (int c; (c = accept(s, 0, 0)) >= 0; close(c)) {
        char b[512];
        for (ssize_t n; (n = recv(c, b, sizeof b, 0)) > 0;) send(c, b, n, MSG_NOSIGNAL);
    }
    return 0;
}
