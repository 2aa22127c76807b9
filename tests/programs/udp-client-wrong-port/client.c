#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12435), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    sendto(s, "hello", 5, 0, (struct sockaddr *)&a, sizeof a);
    char b[100];
    int n = recvfrom(s, b, sizeof b, 0, NULL, NULL);
    printf("%.*s\n", n, b);
    return 0;
}
