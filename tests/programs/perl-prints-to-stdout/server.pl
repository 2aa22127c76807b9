use strict; use warnings;
use IO::Socket::INET;
my $listen = IO::Socket::INET->new(LocalPort => 12345, LocalAddr => '127.0.0.1', Listen => 1, Reuse => 1) or die $!;
while (my $client = $listen->accept()) {
    while (my $line = <$client>) {
        print "$line";
    }
}
