#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_in server;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    server.sin_family = AF_INET;
    server.sin_port = atoi(argv[1]);
    server.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) == -1) {
        fprintf(stderr, "could not connect to port %s\n", argv[1]);
        exit(EXIT_FAILURE);
    }
    write(fd, "hi\n", 3);
    char b[10];
    int n = read(fd, b, 10);
    write(1, b, n);
    return 0;
}
