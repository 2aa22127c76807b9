use strict; use IO::Socket;
my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 12345) or die "$!";
my $hi = <$sock>;
print $sock "politely\n";
print while <$sock>;
close $sock;
