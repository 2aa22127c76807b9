#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    inet_aton("127.0.0.1", &a.sin_addr);
    if (connect(s, (struct sockaddr *)&a, sizeof a) == -1) { perror("connect"); return 1; }
    for (int i = 1; i < argc; i++) {
        char msg[256], back[256];
        int len = snprintf(msg, sizeof msg, "%s\n", argv[i]);
        write(s, msg, len);
        int got = 0;
        while (got < len) {
            int n = read(s, back + got, len - got);
            if (n <= 0) { fprintf(stderr, "lost the server\n"); return 1; }
            got += n;
        }
        fwrite(back, 1, got, stdout);
    }
    close(s);
    return 0;
}
