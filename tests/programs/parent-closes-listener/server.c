#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
static void reap(int s) { while (waitpid(-1, NULL, WNOHANG) > 0); }
int main(void)
{
    int sockfd = socket(AF_INET, SOCK_STREAM, 0), new_fd, yes = 1;
    struct sockaddr_in my = {.sin_family = AF_INET, .sin_port = htons(12345)};
    struct sigaction sa = {.sa_handler = reap, .sa_flags = SA_RESTART};
    setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(sockfd, (struct sockaddr *)&my, sizeof my) == -1) { perror("server: bind"); exit(1); }
    listen(sockfd, 10);
    sigaction(SIGCHLD, &sa, NULL);
    printf("server: waiting for connections...\n");
    while (1) {
        new_fd = accept(sockfd, NULL, NULL);
        if (new_fd == -1) {
            if (errno == EINTR) continue;
            perror("accept");
            sleep(1);
            continue;
        }
        if (!fork()) {
            char buf[256];
            ssize_t n;
            while ((n = recv(new_fd, buf, sizeof buf, 0)) > 0)
                send(new_fd, buf, n, 0);
            close(new_fd);
            exit(0);
        }
        close(sockfd);  /* the parent does not need this */
    }
}
