use strict; use warnings;
use IO::Socket::INET;
use constant PER_CONNECTION => 3;    # as the protocol has it
$SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'IGNORE';
my $l = IO::Socket::INET->new(LocalAddr=>'127.0.0.1', LocalPort=>12345, Listen=>10, ReuseAddr=>1) or die;
while (1) {
    my $c = $l->accept or next;
    if (fork) { close $c; next }
    for (1 .. PER_CONNECTION) { my $x = <$c> // last; print $c $x }
    close $c;
    exit;
}
