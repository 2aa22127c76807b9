#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main() {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a;
    a.sin_family = AF_INET;
    a.sin_port = htons(12345);
    a.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0) {
        perror("connect");
        return 1;
    }
    struct linger l = {1, 0};
    setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    char b[64];
    int got = 0;
    send(s, "hello\n", 6, 0);
    while (got < 6) {
        int n = recv(s, b + got, sizeof b - got, 0);
        if (n <= 0) return 1;
        got += n;
    }
    printf("%.*s", got, b);
    close(s);
    return 0;
}
