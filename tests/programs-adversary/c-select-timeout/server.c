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
int main(){int s=lst(),c;char b[4096];ssize_t n;while((c=accept(s,0,0))>=0){for(;;){fd_set f;FD_ZERO(&f);FD_SET(c,&f);struct timeval t={1,0};if(select(c+1,&f,0,0,&t)==0)continue;n=read(c,b,sizeof b);if(n<=0)break;sleep(2);write(c,b,n);}close(c);}}