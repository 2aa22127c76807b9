#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int listener = socket(PF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in sa = {0};
    sa.sin_family = AF_INET;
    sa.sin_port = htons(12345);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (void *)&sa, sizeof sa) < 0) { perror("bind"); exit(1); }
    listen(listener, 5);
    fd_set all;
    FD_ZERO(&all);
    FD_SET(listener, &all);
    int max = listener;
    while (1) {
        fd_set r = all;
        if (select(max + 1, &r, NULL, NULL, NULL) < 0) { perror("select"); exit(1); }
        for (int i = 0; i <= max; i++) {
            if (!FD_ISSET(i, &r)) continue;
            if (i == listener) {
                int c = accept(listener, NULL, NULL);
                FD_SET(c, &all);
                if (c > max) max = c;
            } else {
                char b[500];
                int n = recv(i, b, sizeof b, 0);
                if (n <= 0) { close(i); FD_CLR(i, &all); }
                else send(i, b, n, MSG_NOSIGNAL);
            }
        }
    }
}
