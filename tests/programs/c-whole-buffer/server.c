#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define MAXLINE 512

int main(void) {
    int listenfd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sa;
    bzero(&sa, sizeof(sa));
    sa.sin_family = AF_INET;
    sa.sin_port = htons(12345);
    bind(listenfd, (struct sockaddr *)&sa, sizeof(sa));
    listen(listenfd, 5);
    for (;;) {
        int connfd = accept(listenfd, NULL, NULL);
        char buff[MAXLINE];
        bzero(buff, MAXLINE);
        while (recv(connfd, buff, sizeof(buff), 0) > 0) {
            send(connfd, buff, sizeof(buff), MSG_NOSIGNAL);
            bzero(buff, MAXLINE);
        }
        close(connfd);
    }
}
