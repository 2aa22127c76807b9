//! Which lines of code take peers in, send to them, receive from them or leave them, turn numbers and text into bytes and
//! back, wait, or make and end processes, by the names that languages give to this. What goes to the program's own streams is no talk. A line that does it through a name
//! of the program's own is not seen; the line of that function is.

use super::code;
use crate::evidence::Frame;

/// What a line does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Sends,
    Receives,
    /// Takes clients in.
    Accepts,
    /// Writes a port into an address.
    SetsPort,
    /// Puts a number into bytes, or chooses their order.
    Packs,
    /// Makes text of bytes.
    Decodes,
    /// Ends a connection.
    Closes,
    /// Waits for a time.
    Pauses,
    /// Makes another process.
    Forks,
    /// Ends the program.
    Leaves,
    /// Says how long is long enough to wait.
    Limits,
    /// Names the address to be served at.
    Binds,
    /// Lets the kernel queue clients.
    Listens,
}

const SEND: [&str; 20] = [
    "send",
    "sendall",
    "sendto",
    "send_to",
    "sendmsg",
    "sendAll",
    "send_all",
    "write",
    "writeln",
    "writelines",
    "write_all",
    "transferTo",
    "writeBytes",
    "writeUTF",
    "syswrite",
    "println",
    "fputs",
    "fprintf",
    "dprintf",
    "puts",
];
const RECEIVE: [&str; 29] = [
    "recv",
    "recvfrom",
    "recv_from",
    "receive_some",
    "read_to_end",
    "read_to_string",
    "readAllBytes",
    "readFully",
    "readInt",
    "readLines",
    "transferTo",
    "recv_into",
    "recvmsg",
    "receive",
    "read",
    "readline",
    "readLine",
    "readlines",
    "readuntil",
    "readexactly",
    "read_until",
    "read_line",
    "read_exact",
    "readUTF",
    "sysread",
    "getline",
    "fgets",
    "gets",
    "readNBytes",
];
const ACCEPT: [&str; 7] = ["accept", "accept4", "Accept", "AcceptTCP", "incoming", "createServer", "start_server"];
const PACK: [&str; 19] = [
    "pack",
    "to_be",
    "to_le",
    "swap_bytes",
    "to_be_bytes",
    "to_le_bytes",
    "to_ne_bytes",
    "to_bytes",
    "writeUInt16LE",
    "writeUInt16BE",
    "writeUInt32LE",
    "writeUInt32BE",
    "writeInt32LE",
    "writeInt32BE",
    "writeInt",
    "writeShort",
    "putInt",
    "putShort",
    "setUint32",
];
const DECODE: [&str; 6] = ["decode", "toString", "from_utf8", "from_utf8_lossy", "setEncoding", "new String"];
const CLOSE: [&str; 7] = ["close", "Close", "closesocket", "shutdown", "destroy", "resetAndDestroy", "end"];
/// What is closed where no connection is.
const NO_CONNECTION: [&str; 9] = ["server", "srv", "listen", "file", "log", "select", "loop", "pool", "poll"];
const PAUSE: [&str; 7] = ["sleep", "Sleep", "usleep", "nanosleep", "sleep_for", "clock_nanosleep", "setTimeout"];
const FORK: [&str; 7] = ["fork", "vfork", "Popen", "posix_spawn", "spawn", "ProcessBuilder", "system"];
const LEAVE: [&str; 3] = ["exit", "_exit", "Exit"];
const LIMIT: [&str; 8] = [
    "settimeout",
    "setSoTimeout",
    "set_read_timeout",
    "SetReadDeadline",
    "SetDeadline",
    "setTimeout",
    "wait_for",
    "alarm",
];
const BIND: [&str; 1] = ["bind"];
const LISTEN: [&str; 4] = ["listen", "Listen", "ServerSocket", "create_server"];
/// What names the program's own streams, or a log.
const OWN: [&str; 12] = [
    "stdout",
    "stderr",
    "stdin",
    "STDOUT",
    "STDERR",
    "STDIN",
    "System.out",
    "System.err",
    "System.in",
    "console.",
    "logging.",
    "logger.",
];
/// What a line begins with that defines a name instead of using it.
const DEFINITIONS: [&str; 8] =
    ["def ", "async def ", "function ", "async function ", "sub ", "fn ", "pub fn ", "func "];

/// The lines of `text` that do `deed`.
pub(super) fn doing<'t>(file: &'t str, text: &'t str, deed: Deed) -> impl Iterator<Item = Frame> + 't {
    code(file, text).filter(move |line| does(&line.source, deed))
}

fn does(line: &str, deed: Deed) -> bool {
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    if begins(&DEFINITIONS) || OWN.iter().any(|own| line.contains(own)) {
        return false;
    }
    match deed {
        Deed::Sends => SEND.iter().any(|name| calls(line, name)) || prints_to_a_handle(line) || line.contains(".pipe("),
        Deed::Receives => {
            let events =
                ["on('data'", "on(\"data\"", "on('message'", "on(\"message\"", "on('line'", "on(\"line\"", ".pipe("];
            RECEIVE.iter().any(|name| calls(line, name))
                || events.iter().any(|event| line.contains(event))
                || reads_a_handle(line)
        }
        Deed::Accepts => ACCEPT.iter().any(|name| calls(line, name)) || line.contains("->accept"),
        Deed::SetsPort => ["sin_port", "sin6_port"].iter().any(|field| is_assigned(line, field)),
        Deed::Packs => PACK.iter().any(|name| calls(line, name)),
        Deed::Decodes => DECODE.iter().any(|name| calls(line, name)),
        Deed::Closes => closes(line),
        Deed::Pauses => PAUSE.iter().any(|name| calls(line, name)) || line.contains("select(undef, undef, undef"),
        Deed::Forks => FORK.iter().any(|name| calls(line, name)) && !line.to_lowercase().contains("thread"),
        Deed::Leaves => LEAVE.iter().any(|name| calls(line, name)),
        Deed::Limits => {
            let named = ["SO_RCVTIMEO", "timeout=", "Timeout =>"];
            LIMIT.iter().any(|name| calls(line, name)) || named.iter().any(|name| line.contains(name))
        }
        Deed::Binds => BIND.iter().any(|name| calls(line, name)),
        Deed::Listens => LISTEN.iter().any(|name| calls(line, name)),
    }
}

/// `peer.close()`, `close(peer)`, and `close $peer` (Perl, Tcl); where the name tells that it is a listener or no socket at
/// all, it ends no connection.
fn closes(line: &str) -> bool {
    let small = line.to_lowercase();
    let bare = line.split("close ").nth(1).is_some_and(|rest| rest.starts_with('$')) || line.contains("->close");
    // `end` is the word of too many things to stand by itself.
    let is_called = |name: &str| calls(line, name) && (name != "end" || line.contains(".end("));
    (bare || CLOSE.iter().any(|name| is_called(name))) && !NO_CONNECTION.iter().any(|other| small.contains(other))
}

/// Whether `name` is called: `name(`, by itself or as a method.
fn calls(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let belongs = |one: char| one.is_alphanumeric() || one == '_';
        let begins = !line[..at].ends_with(belongs);
        // Perl's sysread and syswrite need no parentheses, Rust's macros bear a mark.
        let after = &line[at + name.len()..];
        let open = after.trim_start();
        let is_macro = name.starts_with("write") && after.starts_with("!(");
        begins
            && (open.starts_with('(')
                || is_macro
                || name.starts_with("sys") && open.starts_with('$')
                || is_of_tcl(name, open))
    })
}

/// `gets $peer …`, `read $peer …`, and `puts $peer …` with something to put (Tcl); by itself, `puts $text` prints it.
fn is_of_tcl(name: &str, arguments: &str) -> bool {
    match name {
        "gets" | "read" => arguments.starts_with('$') && !arguments.contains(','),
        "puts" => {
            let rest = arguments.strip_prefix("-nonewline ").unwrap_or(arguments);
            rest.starts_with('$') && rest.trim_end_matches(['}', ']', ' ']).contains(' ')
        }
        _ => false,
    }
}

/// `print $peer …`, `print {$peer} …` and `printf $peer …` (Perl), `print(…, file=peer)` (Python), `peer.print(…)` (Java).
fn prints_to_a_handle(line: &str) -> bool {
    let perl = line.match_indices("print").any(|(at, _)| {
        let rest = line[at + 5..].strip_prefix('f').unwrap_or(&line[at + 5..]).trim_start();
        let name =
            rest.strip_prefix('$').map(|rest| rest.trim_start_matches(|one: char| one.is_alphanumeric() || one == '_'));
        rest.starts_with("{$")
            || name.is_some_and(|after| {
                after.starts_with(' ') && after.trim_start().starts_with(['"', '\'', '$', 'q', '<'])
            })
    });
    perl || line.contains("print(") && line.contains("file=") || line.contains(".print(") || line.contains(".printf(")
}

/// Whether the field is given a value: `a.sin_port = …`, `.sin_port = …` in an initializer.
fn is_assigned(line: &str, field: &str) -> bool {
    line.match_indices(field).any(|(at, _)| {
        let after = line[at + field.len()..].trim_start();
        after.starts_with('=') && !after.starts_with("==")
    })
}

/// `<$peer>` (Perl).
fn reads_a_handle(line: &str) -> bool {
    line.match_indices("<$").any(|(at, _)| {
        let name = line[at + 2..].trim_start_matches(|one: char| one.is_alphanumeric() || one == '_');
        name.starts_with('>')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(line: &str) -> (bool, bool) {
        (does(line, Deed::Sends), does(line, Deed::Receives))
    }

    #[test]
    fn each_language_has_its_own_words() {
        for line in [
            "conn.sendall(data)",
            "write(c, buf, n);",
            "out.println(line);",
            "print $c $_;",
            "printf $c \"%s\", $l",
            "print {$c} \"x\"",
            "socket.write(`${x}`)",
            "print('x', file=f)",
            "syswrite $c, $buf",
            "writer.write(data)",
            "out.print(x);",
            "write!(self.writer, \"{}\", msg)?;",
            "puts $chan $line",
            "puts -nonewline $c \"$w\\n\"",
        ] {
            assert_eq!(deeds(line), (true, false), "{line}");
        }
        for line in [
            "data = conn.recv(1024)",
            "while (my $l = <$c>) {",
            "s.on('data', d => {",
            "n = read(c, buf, 9);",
            "String l = in.readLine();",
            "sysread $c, my $b, 99;",
            "print(s.recv(100).decode())",
            "await reader.readline()",
            "if {[gets $chan line] < 0} {",
            "set d [read $c]",
            "stream.read_to_string(&mut answer)?;",
        ] {
            assert_eq!(deeds(line), (false, true), "{line}");
        }
        assert_eq!(deeds("c.sendall(c.recv(99))"), (true, true));
        assert_eq!(deeds("net.createServer(s => s.pipe(s))"), (true, true));
    }

    #[test]
    fn the_line_that_takes_clients_in_has_its_words_too() {
        for line in [
            "conn, addr = s.accept()",
            "int c = accept(fd, NULL, NULL);",
            "while (my $c = $s->accept) {",
            "Socket s = server.accept();",
            "conn, err := ln.Accept()",
            "for stream in listener.incoming() {",
            "net.createServer(socket => {",
            "server = await asyncio.start_server(handle, \"127.0.0.1\", 1)",
        ] {
            assert!(does(line, Deed::Accepts), "{line}");
        }
        for line in ["acceptable(x)", "def accept(self):", "self.accepted += 1", "print('accepting')"] {
            assert!(!does(line, Deed::Accepts), "{line}");
        }
    }

    #[test]
    fn a_port_is_set_where_the_field_is_assigned() {
        for line in ["a.sin_port = 12345;", "a->sin6_port=htons(p);", ".sin_port = htons(12345),"] {
            assert!(does(line, Deed::SetsPort), "{line}");
        }
        for line in ["if (a.sin_port == b.sin_port)", "printf(\"%d\", ntohs(a.sin_port));", "int sin_ports = 1;"] {
            assert!(!does(line, Deed::SetsPort), "{line}");
        }
    }

    #[test]
    fn bytes_are_made_of_numbers_and_text_of_bytes() {
        for line in ["head.writeUInt32LE(body.length);", "struct.pack('BI', 1, n)", "let p = PORT.to_be();"] {
            assert_eq!((does(line, Deed::Packs), does(line, Deed::Decodes)), (true, false), "{line}");
        }
        for line in ["text = data.decode('utf-8')", "String t = new String(b, 0, n);", "d.toString()"] {
            assert_eq!((does(line, Deed::Packs), does(line, Deed::Decodes)), (false, true), "{line}");
        }
    }

    #[test]
    fn connections_are_closed_and_listeners_are_not_meant() {
        for line in [
            "conn.close()",
            "close(fd);",
            "shutdown(c, SHUT_WR);",
            "writer.close()",
            "socket.end(reply);",
            "close $client;",
            "$c->close;",
            "close $chan",
            "s.destroy()",
        ] {
            assert!(does(line, Deed::Closes), "{line}");
        }
        for line in
            ["server.close()", "close(listen_fd);", "def close(self):", "closed = True", "end(x)", "log.close()"]
        {
            assert!(!does(line, Deed::Closes), "{line}");
        }
    }

    #[test]
    fn waiting_forking_and_leaving_have_their_words() {
        for line in ["time.sleep(2)", "await asyncio.sleep(1)", "usleep(1000);", "setTimeout(() => s.write(d), 900);"] {
            assert!(does(line, Deed::Pauses), "{line}");
        }
        for line in ["pid = os.fork()", "if (fork() == 0) {", "subprocess.Popen(['x'])"] {
            assert!(does(line, Deed::Forks), "{line}");
        }
        for line in ["process.exit(0)", "os._exit(0)", "System.exit(1);"] {
            assert!(does(line, Deed::Leaves), "{line}");
        }
        for line in ["s.settimeout(0.2)", "c = create_connection(a, timeout=2)", "alarm(3);", "Timeout => 2,"] {
            assert!(does(line, Deed::Limits), "{line}");
        }
        assert!(does("bind(fd, (struct sockaddr *)&a, sizeof a);", Deed::Binds) && !does("f.binding(x)", Deed::Binds));
        for line in ["s.listen(5)", "listen(fd, 10);", "ServerSocket s = new ServerSocket(12345);"] {
            assert!(does(line, Deed::Listens), "{line}");
        }
        assert!(!does("except socket.timeout:", Deed::Limits));
        for line in ["asleep = 3", "forked(x)", "exits()", "thread::spawn(move || {"] {
            let any = [Deed::Pauses, Deed::Forks, Deed::Leaves].into_iter().any(|deed| does(line, deed));
            assert!(!any, "{line}");
        }
    }

    #[test]
    fn the_programs_own_streams_and_names_are_no_talk() {
        for line in [
            "System.out.println(line);",
            "sys.stdout.write(x)",
            "print(x)",
            "def send(self, data):",
            "process.stdout.write(d)",
            "console.log(read(x))",
            "send_later(x)",
            "print $x;",
            "print \"$x\\n\"",
            "for my $l (<STDIN>) {",
            "ready(1)",
            "print $a, $b;",
            "puts $line",
            "puts stderr \"listening\"",
            "eprintln!(\"{e}\")",
        ] {
            assert_eq!(deeds(line), (false, false), "{line}");
        }
    }
}
