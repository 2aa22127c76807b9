use IO::Socket::INET; my $c=IO::Socket::INET->new("127.0.0.1:12345") or die $!; $c->autoflush(1);
for (1..3){ print $c "msg $_\n"; print scalar <$c>; }
