#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    if (bind(s, (struct sockaddr *)&a, sizeof a) || listen(s, 5)) { perror("listen"); return 1; }
    char *reply = NULL;
    for (;;) {
        int c = accept(s, NULL, NULL);
        char in[256];
        int n = recv(c, in, sizeof in - 1, 0);
        in[n] = 0;
        strcpy(reply, in);
        send(c, reply, strlen(reply), 0);
        close(c);
    }
}
