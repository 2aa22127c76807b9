/* Echoes whatever comes, one client after the other. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 5) < 0)
        return 1;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        char buffer[1024];
        ssize_t count;
        while ((count = read(client, buffer, sizeof buffer)) > 0) {
            char *from = buffer;
            for (ssize_t sent; count > 0 && (sent = write(client, from, count)) > 0; count -= sent)
                from += sent;
        }
        close(client);
    }
}
