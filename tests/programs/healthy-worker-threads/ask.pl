use strict; use warnings; use IO::Socket::IP;
my $s = IO::Socket::IP->new(PeerHost => 'localhost', PeerPort => 5454, Type => SOCK_STREAM) or die "cannot connect: $@\n";
my %fib = (10 => 55, 20 => 6765, 25 => 75025);
for my $n (sort keys %fib) { print $s "$n\n"; my $l = <$s>; chomp $l; die "wrong: $l\n" unless $l eq "fib $fib{$n}"; print "$n: $l\n" }
