#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(int c, const char *s) { write(c, s, strlen(s)); }

int main(void) {
    int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 5)) { perror("server"); return 1; }
    for (;;) {
        int c = accept(l, NULL, NULL);
        usleep(500 * 1000); /* looks the client up */
        say(c, "Welcome\n");
        say(c, "to the echo server\n");
        char b[300];
        int n;
        while ((n = read(c, b, sizeof b)) > 0) write(c, b, n);
        close(c);
    }
}
