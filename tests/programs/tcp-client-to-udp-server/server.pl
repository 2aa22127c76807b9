use IO::Socket::INET;
my $u = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 12345, Proto => 'udp') or die;
while ($u->recv(my $m, 4096)) { $u->send($m) }
