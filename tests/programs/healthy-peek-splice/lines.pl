use strict; use warnings; use IO::Socket::INET;
my $s = IO::Socket::INET->new('127.0.0.1:6161') or die $!;
print $s join '', map "line $_\n", 1 .. 20;
for (1 .. 20) { my $l = <$s>; die "line $_" unless defined $l && $l eq "line $_\n" }
print "twenty lines\n";
