use strict; use warnings;
use IO::Socket::INET;
my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 12345, Proto => 'udp') or die "$@";
while (defined $sock->recv(my $msg, 65_000)) {
    $sock->send("ECHO: $msg");
}
