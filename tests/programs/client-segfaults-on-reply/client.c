#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) { perror("connect"); return 1; }
    send(s, "hello\n", 6, 0);
    char b[100];
    int n = recv(s, b, sizeof b - 1, 0);
    b[n] = 0;
    char *colon = strchr(b, ':');
    printf("reply: %c\n", colon[2]);
    close(s);
    return 0;
}
