#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int listenfd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in servaddr;
    memset(&servaddr, 0, sizeof servaddr);
    servaddr.sin_family = AF_INET;
    servaddr.sin_addr.s_addr = inet_addr("10.0.0.5");
    servaddr.sin_port = htons(12345);
    bind(listenfd, (struct sockaddr *)&servaddr, sizeof servaddr);
    listen(listenfd, 10);
    while (1) {
        int connfd = accept(listenfd, NULL, NULL);
        char line[1024];
        ssize_t n = read(connfd, line, sizeof line);
        write(connfd, line, n);
        close(connfd);
    }
}
