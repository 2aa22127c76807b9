/* a tiny inetd: the connection becomes stdin and stdout of the program */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void reap(int sig) { (void)sig; while (waitpid(-1, NULL, WNOHANG) > 0) ; }
int main(int argc, char **argv)
{
    if (argc < 3) { fprintf(stderr, "usage: superd PORT PROGRAM\n"); return 2; }
    struct sigaction sa = {.sa_handler = reap, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &sa, NULL);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    if (bind(s, (void *)&a, sizeof a) || listen(s, 5)) { perror("superd"); return 1; }
    for (;;) {
        int c = accept(s, NULL, NULL);
        if (c < 0) continue;
        if (fork() == 0) {
            dup2(c, 0); dup2(c, 1); dup2(c, 2);
            close(c);
            execv(argv[2], argv + 2);
            _exit(127);
        }
        close(c);
    }
}
