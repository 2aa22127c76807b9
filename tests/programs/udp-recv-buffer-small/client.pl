use strict; use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:12345', Proto => 'udp') or die;
my $m = "0123456789" x 10;
$s->send($m);
$s->recv(my $r, 2000);
printf "%d of %d bytes\n", length $r, length $m;
exit($r eq $m ? 0 : 1);
