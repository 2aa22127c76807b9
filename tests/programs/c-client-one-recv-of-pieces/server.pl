use strict; use warnings;
use IO::Socket::INET;
$SIG{PIPE} = 'IGNORE';
my $l = IO::Socket::INET->new(LocalAddr=>'127.0.0.1', LocalPort=>12345, Listen=>10, ReuseAddr=>1) or die;
while (my $c = $l->accept) {
    next if fork;
    while (sysread $c, my $b, 1000) {
        my $off = 0;
        while ($off < length $b) { my $n = syswrite $c, $b, length($b) - $off, $off; last unless $n; $off += $n }
        select undef, undef, undef, 0.01;
    }
    exit;
}
