#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct addrinfo hints, *info = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    getaddrinfo("127.0.0.1", "twelve", &hints, &info);
    int s = socket(info->ai_family, info->ai_socktype, info->ai_protocol);
    bind(s, info->ai_addr, info->ai_addrlen);
    listen(s, 5);
    for (;;) {
        int c = accept(s, NULL, NULL);
        char b[100];
        int n = read(c, b, 100);
        write(c, b, n);
        close(c);
    }
}
