#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buf[1024];

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {0};
    a.sin_family = AF_INET;
    a.sin_port = htons(12345);
    bind(s, (struct sockaddr *)&a, sizeof a);
    listen(s, 5);
    while (1) {
        int c = accept(s, NULL, NULL);
        while (recv(c, buf, sizeof buf - 1, 0) > 0)
            send(c, buf, strlen(buf), MSG_NOSIGNAL);
        close(c);
    }
}
