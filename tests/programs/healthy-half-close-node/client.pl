use IO::Socket::INET;
my $s = IO::Socket::INET->new('127.0.0.1:12345') or die "no server: $!\n";
$s->print("sent and closed\n");
shutdown($s, 1);
while (my $l = <$s>) { print $l }
