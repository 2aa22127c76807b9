use IO::Socket::INET;
$SIG{PIPE} = 'IGNORE';
my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 12345, ReuseAddr => 1) or die;
while (my $c = $l->accept) {
    while (defined(my $line = <$c>)) { print $c $line }
    close $c;
}
