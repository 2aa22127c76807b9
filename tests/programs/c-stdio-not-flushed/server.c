#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4) < 0) {
        perror("server");
        return EXIT_FAILURE;
    }
    for (;;) {
        int c = accept(fd, NULL, NULL);
        FILE *in = fdopen(c, "r");
        FILE *out = fdopen(dup(c), "w");
        char line[BUFSIZ];
        while (fgets(line, sizeof line, in))
            fprintf(out, "%s", line);
        fclose(in);
        fclose(out);
    }
}
