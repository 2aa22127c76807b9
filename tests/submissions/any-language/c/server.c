#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 64

static char lines[CLIENTS][4096];
static size_t used[CLIENTS];

int main(void) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct pollfd watched[CLIENTS];
    int yes = 1, count = 1;
    inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
    watched[0].fd = socket(AF_INET, SOCK_STREAM, 0);
    watched[0].events = POLLIN;
    setsockopt(watched[0].fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(watched[0].fd, (struct sockaddr *)&here, sizeof here) || listen(watched[0].fd, 32)) return 1;
    for (;;) {
        if (poll(watched, count, -1) < 0) return 1;
        for (int i = count - 1; i > 0; i--) {
            char *line = lines[i];
            if (!watched[i].revents) continue;
            ssize_t got = read(watched[i].fd, line + used[i], sizeof lines[i] - used[i]);
            if (got <= 0) {
                close(watched[i].fd);
                count--;
                watched[i] = watched[count];
                memcpy(lines[i], lines[count], sizeof lines[i]);
                used[i] = used[count];
                continue;
            }
            used[i] += got;
            for (char *end; (end = memchr(line, '\n', used[i]));) {
                size_t length = end + 1 - line;
                if (write(watched[i].fd, "Echo : ", 7) < 0 || write(watched[i].fd, line, length) < 0) break;
                used[i] -= length;
                memmove(line, line + length, used[i]);
            }
        }
        if (watched[0].revents && count < CLIENTS) {
            watched[count].fd = accept(watched[0].fd, 0, 0);
            watched[count].events = POLLIN;
            watched[count].revents = 0;
            used[count++] = 0;
        }
    }
}
