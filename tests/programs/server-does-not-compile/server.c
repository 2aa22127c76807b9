#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int peer) {
    char text[512];
    ssize_t got
    while ((got = read(peer, text, sizeof text)) > 0)
        write(peer, text, got);
    close(peer);
}

int main(void) {
    int door = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(12345)};
    if (bind(door, (struct sockaddr *)&here, sizeof here) || listen(door, 8)) { perror("door"); return 1; }
    for (;;)
        serve(accept(door, NULL, NULL));
}
