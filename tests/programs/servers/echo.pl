# Echoes lines, one process per connection.
use strict;
use warnings;
use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Proto => 'tcp', Listen => 50)
    or die "listen: $!";
while (1) {
    my $client = $listener->accept or next;
    next if fork;
    while (my $line = <$client>) { print $client $line; $client->flush; }
    exit 0;
}
