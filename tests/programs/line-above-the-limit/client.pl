use strict;
use warnings;
use IO::Socket::INET;

my $peer = IO::Socket::INET->new('127.0.0.1:12345') or die "connect: $!\n";
for my $length (10, 1000, 9000) {
    my $line = ('x' x $length) . "\n";
    print $peer $line;
    my $answer = <$peer> // die "no answer to $length characters\n";
    die "changed\n" if $answer ne $line;
}
