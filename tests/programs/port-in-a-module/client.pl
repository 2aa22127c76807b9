use strict;
use warnings;
use IO::Socket::INET;

my ($host, $port) = @ARGV;
my $peer = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port) or die "cannot reach $host:$port: $!\n";
for my $word (qw(one two three)) {
    print $peer "$word\n";
    print scalar <$peer>;
}
