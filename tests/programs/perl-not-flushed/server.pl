use strict;
use Socket;
socket(my $srv, PF_INET, SOCK_STREAM, 0) or die;
setsockopt($srv, SOL_SOCKET, SO_REUSEADDR, 1);
bind($srv, sockaddr_in(12345, INADDR_LOOPBACK)) or die "bind: $!";
listen($srv, 5);
while (accept(my $cl, $srv)) {
    while (my $l = <$cl>) {
        print $cl $l;
    }
    close $cl;
}
