use strict;
use warnings;
use Socket;

$SIG{PIPE} = 'IGNORE';
socket(my $line, PF_INET, SOCK_STREAM, getprotobyname('tcp')) or die "socket: $!";
connect($line, sockaddr_in(12345, inet_aton('127.0.0.1'))) or die "connect: $!";
for my $word ('first', 'the second, which is longer', 'x' x 2000) {
    my $owed = length($word) + 1;
    send($line, "$word\n", 0) == $owed or die "send: $!";
    my $text = '';
    while (length $text < $owed) {
        defined recv($line, my $piece, 333, 0) or die "recv: $!";
        die "closed after " . length($text) . " bytes\n" if $piece eq '';
        $text .= $piece;
    }
    print length $text, "\n";
}
close $line;
