use strict; use warnings;
use IO::Socket::INET;
my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 12345, Proto => 'udp') or die $!;
foreach my $i (1 .. 4) {
    $sock->send("message $i");
    my $answer;
    $sock->recv($answer, 1500);
    print "$answer\n";
}
