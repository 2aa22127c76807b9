use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalPort => 12345, LocalAddr => '127.0.0.1', Proto => 'udp') or die "bind: $!";
my $d;
while (1) { $s->recv($d, 65535); $s->send($d); }
