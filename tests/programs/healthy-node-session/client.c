#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *res;
	if (getaddrinfo("127.0.0.1", "7007", &hints, &res))
		return 2;
	int fd = socket(res->ai_family, res->ai_socktype, 0);
	if (connect(fd, res->ai_addr, res->ai_addrlen)) {
		perror("connect");
		return 1;
	}
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[100];
	for (int i = 0; i < 5; i++) {
		fprintf(out, "line number %d\n", i);
		fflush(out);
		if (!fgets(line, sizeof line, in))
			return 1;
		fputs(line, stdout);
	}
	return 0;
}
