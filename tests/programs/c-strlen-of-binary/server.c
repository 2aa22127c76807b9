#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    if (bind(s, (struct sockaddr *)&a, sizeof a)) return 1;
    listen(s, 5);
    for (;;) {
        int c = accept(s, 0, 0);
        char buf[2000];
        for (;;) {
            memset(buf, 0, sizeof buf);
            if (read(c, buf, sizeof buf - 1) <= 0) break;
            write(c, buf, strlen(buf));
        }
        close(c);
    }
}
