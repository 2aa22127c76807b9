#!/usr/bin/perl
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, getprotobyname('tcp'));
connect($s, sockaddr_in(12345, inet_aton('127.0.0.1'))) or die "connect: $!";
syswrite($s, "through ncat\n");
my $back = '';
while (length($back) < 13) {
    sysread($s, my $piece, 13 - length $back) or die "closed early";
    $back .= $piece;
}
print $back;
