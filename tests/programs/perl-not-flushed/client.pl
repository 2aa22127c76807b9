use strict;
use IO::Socket::INET;
my $s = IO::Socket::INET->new("127.0.0.1:12345") or die "connect: $!";
print $s "hello\n";
print scalar <$s>;
