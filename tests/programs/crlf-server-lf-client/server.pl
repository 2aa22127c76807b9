use strict;
use IO::Socket::INET;
local $/ = "\r\n";
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 12345, Listen => 5, ReuseAddr => 1) or die;
while (my $c = $s->accept) {
    while (my $l = <$c>) { print $c $l }
}
