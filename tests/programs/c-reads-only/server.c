#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), c;
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons(12345);
    bind(s, (struct sockaddr *)&a, sizeof a);
    listen(s, 1);
    while ((c = accept(s, NULL, NULL)) >= 0) {
        char buf[128];
        int n;
        while ((n = recv(c, buf, sizeof(buf) - 1, 0)) > 0) {
            buf[n] = '\0';
            printf("client: %s\n", buf);
        }
        close(c);
    }
    return 0;
}
