#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(4444), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) { perror("connect"); return 1; }
    for (int i = 1; i < argc; i++) {
        write(s, argv[i], strlen(argv[i]));
        write(s, "\n", 1);
    }
    shutdown(s, SHUT_WR);
    char b[256];
    ssize_t n;
    while ((n = read(s, b, sizeof b)) > 0) fwrite(b, 1, n, stdout);
    close(s);
    return n < 0;
}
