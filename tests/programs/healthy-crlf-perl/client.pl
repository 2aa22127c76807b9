use strict; use warnings;
use IO::Socket::INET;

my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:12345', Proto => 'tcp') or die "connect: $!";
$/ = "\r\n";
for my $w (@ARGV) {
    print $s "$w\r\n";
    my $r = <$s>;
    die "server closed\n" unless defined $r;
    chomp $r;
    print "$r\n";
}
close $s;
