#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void work(int l) {
    for (;;) {
        int c = accept(l, NULL, NULL);
        FILE *f = fdopen(c, "r+");
        char line[1000];
        while (fgets(line, sizeof line, f)) {
            fseek(f, 0, SEEK_CUR);
            fputs(line, f);
            fflush(f);
        }
        fclose(f);
    }
}

int main(void) {
    int l = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 20)) { perror("server"); return 1; }
    for (int i = 0; i < 3; i++)
        if (fork() == 0) work(l);
    while (wait(NULL) > 0) {}
    return 0;
}
