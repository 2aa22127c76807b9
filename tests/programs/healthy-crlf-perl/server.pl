use strict; use warnings;
use IO::Socket::INET;

my $srv = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 12345, Proto => 'tcp', Listen => 5, ReuseAddr => 1)
    or die "cannot listen: $!";
$/ = "\r\n";
while (my $c = $srv->accept) {
    while (my $line = <$c>) {
        chomp $line;
        print $c "$line\r\n";
    }
    close $c;
}
