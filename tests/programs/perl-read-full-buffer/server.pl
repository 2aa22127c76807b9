use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1:12345', Listen => 3, ReuseAddr => 1) or die "$@";
while (my $c = $l->accept) {
    my $buf;
    while (read($c, $buf, 512)) {
        print $c $buf;
    }
}
