use strict; use warnings;
use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1:12345', Listen => 5, ReuseAddr => 1) or die "$@";
while (my $c = $l->accept) {
    my $n = 0;
    while (my $line = <$c>) { print $c $line; $n++ }
    print $c "bye, $n lines\n";
    close $c;
}
