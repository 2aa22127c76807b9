use strict; use IO::Socket::INET;
my $s = IO::Socket::INET->new('127.0.0.1:12345') or die "connect: $!";
for my $n (1 .. 3) {
    print $s "line $n from perl\n";
    my $r = <$s>;
    print $r;
    die "wrong\n" unless $r eq "line $n from perl\n";
}
