use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:12345') or die "Cannot connect: $!\n";
print $s "hello\n";
print scalar <$s>;
