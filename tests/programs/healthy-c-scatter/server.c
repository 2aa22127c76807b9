#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { GUESTS = 16 };

static ssize_t back(int guest, struct iovec *parts, int count, ssize_t left) {
    for (int one = 0; one < count && left > 0; one++) {
        size_t length = (size_t)left < parts[one].iov_len ? (size_t)left : parts[one].iov_len;
        for (size_t gone = 0; gone < length;) {
            struct iovec rest = {(char *)parts[one].iov_base + gone, length - gone};
            ssize_t sent = writev(guest, &rest, 1);
            if (sent < 0) return -1;
            gone += sent;
        }
        left -= length;
    }
    return 0;
}

int main(void) {
    struct pollfd seats[GUESTS + 1] = {0};
    int taken = 1, yes = 1;
    seats[0].fd = socket(AF_INET6, SOCK_STREAM, 0);
    seats[0].events = POLLIN;
    setsockopt(seats[0].fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(12345), .sin6_addr = in6addr_any};
    if (bind(seats[0].fd, (struct sockaddr *)&here, sizeof here) || listen(seats[0].fd, GUESTS)) {
        perror("door");
        return 1;
    }
    while (poll(seats, taken, -1) > 0) {
        for (int at = taken - 1; at > 0; at--) {
            char small[7], large[900];
            struct iovec parts[] = {{small, sizeof small}, {large, sizeof large}};
            if (!seats[at].revents) continue;
            ssize_t got = readv(seats[at].fd, parts, 2);
            if (got > 0 && back(seats[at].fd, parts, 2, got) == 0) continue;
            close(seats[at].fd);
            seats[at] = seats[--taken];
        }
        if (seats[0].revents && taken <= GUESTS) {
            seats[taken].fd = accept(seats[0].fd, NULL, NULL);
            seats[taken].events = POLLIN;
            seats[taken].revents = 0;
            taken += seats[taken].fd >= 0;
        }
    }
    return 1;
}
