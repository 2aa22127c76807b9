#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stdlib.h>
#include <errno.h>
#include <signal.h>
#include <pthread.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/select.h>
static int lst(void){ int s=socket(AF_INET,SOCK_STREAM,0),o=1; setsockopt(s,SOL_SOCKET,SO_REUSEADDR,&o,sizeof o); struct sockaddr_in a={.sin_family=AF_INET,.sin_port=htons(12345)}; inet_pton(AF_INET,"127.0.0.1",&a.sin_addr); if(bind(s,(void*)&a,sizeof a)||listen(s,5)){perror("bind");exit(1);} return s; }
static int con(void){ int s=socket(AF_INET,SOCK_STREAM,0); struct sockaddr_in a={.sin_family=AF_INET,.sin_port=htons(12345)}; inet_pton(AF_INET,"127.0.0.1",&a.sin_addr); if(connect(s,(void*)&a,sizeof a)){perror("connect");exit(1);} return s; }
int main(){int c=con();char b[4096];write(c,"hello\n",6);ssize_t n=read(c,b,sizeof b);write(1,b,n);close(c);return 0;}