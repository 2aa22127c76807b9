use IO::Socket::INET; $SIG{CHLD}="IGNORE";
my $s=IO::Socket::INET->new(LocalAddr=>"127.0.0.1",LocalPort=>12345,Listen=>5,ReuseAddr=>1) or die;
while(my $c=$s->accept){ next if fork; $c->autoflush(1); while(<$c>){ print $c $_ } exit }
