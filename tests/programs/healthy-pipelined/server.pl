use IO::Socket::INET;
use IO::Select;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1:12345', Listen => 10, ReuseAddr => 1) or die;
my $sel = IO::Select->new($l);
my %buf;
while (my @ready = $sel->can_read) {
    for my $fh (@ready) {
        if ($fh == $l) { $sel->add($l->accept); next }
        if (sysread($fh, my $in, 8192)) {
            $buf{$fh} .= $in;
            while ($buf{$fh} =~ s/^(.*?\n)//) { syswrite $fh, $1 }
        } else {
            delete $buf{$fh};
            $sel->remove($fh);
            close $fh;
        }
    }
}
