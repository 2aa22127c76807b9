#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* looks for the end of the line without taking it, then lets the kernel move the bytes */
static int echo_line(int fd, int pipes[2])
{
    char buf[4096];
    ssize_t n = recv(fd, buf, sizeof buf, MSG_PEEK);
    if (n <= 0) return -1;
    char *end = memchr(buf, '\n', n);
    size_t len = end ? (size_t)(end - buf + 1) : (size_t)n;
    while (len > 0) {
        ssize_t in = splice(fd, NULL, pipes[1], NULL, len, SPLICE_F_MOVE);
        if (in <= 0) return -1;
        len -= in;
        while (in > 0) {
            ssize_t out = splice(pipes[0], NULL, fd, NULL, in, SPLICE_F_MOVE);
            if (out <= 0) return -1;
            in -= out;
        }
    }
    return 0;
}
int main(int argc, char **argv)
{
    signal(SIGCHLD, SIG_IGN);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 5)) { perror("splice"); return 1; }
    struct linger linger = {1, 3};
    for (;;) {
        int c = accept(s, NULL, NULL);
        if (c < 0) continue;
        if (fork() == 0) {
            close(s);
            setsockopt(c, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
            int pipes[2];
            if (pipe(pipes)) _exit(1);
            while (echo_line(c, pipes) == 0) ;
            close(c);
            _exit(0);
        }
        close(c);
    }
}
