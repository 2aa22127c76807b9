#!/usr/bin/perl
use strict; use warnings;
use IO::Socket::INET; use IO::Select;
$SIG{PIPE} = 'IGNORE';
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 12345, Listen => 5, ReuseAddr => 1, Blocking => 0) or die "bind: $!";
my $sel = IO::Select->new($l);
my %in;
sub lines_of {
    my ($c) = @_;
    my @whole;
    while ((my $at = index $in{$c}, "\n") >= 0) { push @whole, substr $in{$c}, 0, $at + 1, '' }
    return @whole;
}
sub leave { my ($c) = @_; $sel->remove($c); delete $in{$c}; close $c }
while (1) {
    for my $c ($sel->can_read) {
        if ($c == $l) {
            my $new = $l->accept or next;
            $new->blocking(0);
            $in{$new} = '';
            $sel->add($new);
            next;
        }
        my $n = sysread $c, $in{$c}, 65536, length $in{$c};
        next if !defined $n && $!{EAGAIN};
        if (!$n) { leave($c); next }
        for my $line (lines_of($c)) {
            syswrite $c, $line;
        }
    }
}
