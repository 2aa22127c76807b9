use strict; use warnings;
use IO::Socket::INET;
my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 12345, Timeout => 10) or die $!;
print $sock "hello\n";
my $reply = <$sock>;
print "reply: $reply";
