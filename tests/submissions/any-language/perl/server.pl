use strict;
use warnings;
use IO::Socket::INET;

$SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 5000, Listen => 16, ReuseAddr => 1)
    or die "cannot listen: $!";
while (my $client = $server->accept) {
    if (fork) { close $client; next; }
    close $server;
    $client->autoflush(1);
    while (my $line = <$client>) { print $client "Echo : $line"; }
    exit;
}
