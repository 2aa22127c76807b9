#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) { perror("ERROR connecting"); return 1; }
    write(s, "hello\n", 6);
    char b[256] = "";
    int n = read(s, b, 255);
    printf("%d bytes: %s\n", n, b);
    return 0;
}
