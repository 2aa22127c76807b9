#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in addr;
    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = INADDR_ANY;
    addr.sin_port = 12345;
    if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        perror("bind failed");
        return 1;
    }
    listen(sock, 5);
    printf("Server listening on port 12345\n");
    while (1) {
        int c = accept(sock, NULL, NULL);
        char buf[256];
        int n;
        while ((n = read(c, buf, sizeof(buf))) > 0)
            write(c, buf, n);
        close(c);
    }
}
