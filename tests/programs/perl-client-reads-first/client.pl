use IO::Socket::INET;
my $s = IO::Socket::INET->new('127.0.0.1:12345') or die;
while (my $answer = <$s>) {
    print "answer: $answer";
    print $s "next\n";
}
