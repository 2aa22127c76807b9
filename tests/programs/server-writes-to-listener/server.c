#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int sockfd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in serv = {0};
    serv.sin_family = AF_INET;
    serv.sin_port = htons(12345);
    bind(sockfd, (struct sockaddr *)&serv, sizeof serv);
    listen(sockfd, 5);
    while (1) {
        int newsockfd = accept(sockfd, NULL, NULL);
        char buffer[256];
        int n = read(newsockfd, buffer, 255);
        write(sockfd, buffer, n);
        close(newsockfd);
    }
}
