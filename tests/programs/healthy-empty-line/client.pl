use IO::Socket::INET;
my $s = IO::Socket::INET->new('127.0.0.1:12345') or die;
for my $l ("text\n", "\n", "more text\n") {
    print $s $l;
    my $a = <$s>;
    print "<$a>";
}
# exits without a close of its own
