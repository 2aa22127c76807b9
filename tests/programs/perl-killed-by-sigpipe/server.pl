use strict; use warnings;
use IO::Socket::INET; use IO::Select;
my $l = IO::Socket::INET->new(LocalAddr=>'127.0.0.1', LocalPort=>12345, Listen=>10, ReuseAddr=>1) or die;
my $sel = IO::Select->new($l);
my %pending;
while (1) {
    my @r = $sel->can_read(0.05);
    for my $h (@r) {
        if ($h == $l) { $sel->add(scalar $l->accept); next }
        my $n = sysread $h, my $b, 1024;
        if (!$n) { $sel->remove($h); delete $pending{$h}; close $h; next }
        $pending{$h}{fh} = $h;
        $pending{$h}{text} .= $b;
    }
    next if @r;
    for my $p (values %pending) {
        next unless length($p->{text} // '');
        for my $ch (split //, $p->{text}) { syswrite $p->{fh}, $ch; select undef, undef, undef, 0.002 }
        $p->{text} = '';
    }
}
