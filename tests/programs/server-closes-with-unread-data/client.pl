use strict; use warnings;
use IO::Socket::INET;
my $s = IO::Socket::INET->new('127.0.0.1:12345') or die "connect: $!";
my $msg = "a message of more than eight bytes\n";
syswrite $s, $msg;
my $got = '';
while (1) {
    my $n = sysread $s, my $part, 100;
    die "after '$got': $!\n" unless defined $n;
    last if $n == 0;
    $got .= $part;
}
print $got;
exit($got eq $msg ? 0 : 1);
