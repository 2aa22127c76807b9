use strict;
use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:12345') or die "connect: $@";
print $s "one\ntwo\nthree\n";
$s->shutdown(1);
print while <$s>;
