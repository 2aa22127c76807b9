//! The server's side of one connection, without a socket: bytes in, [`Step`]s out. Pure and bounded in memory.
//!
//! Tasks and threads drive the same session, so a framing, a reply or a fault is written once. A session knows nothing
//! of who watches it.

use std::sync::Arc;
use std::time::Duration;

use crate::evidence::Framing;

use super::dialect::{append_body, closing, opening, split_terminator};
use super::manners::{AFTER_FIRST_PIECE, BETWEEN_PIECES, LOOKOUT, Manners};

/// The longest line that is held back until its end has come; what is longer is echoed as it comes.
pub const LONGEST_LINE: usize = 1 << 20;

/// The same for a message that ends with the client's half-close. It is larger because such a client commonly does not
/// read before it has sent everything: an early echo would block both.
pub const LONGEST_UNTIL_EOF: usize = 16 << 20;

/// What the server does next on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait, without holding up other connections.
    Pause(Duration),
    /// Wait, and close at once if the client half-closes meanwhile.
    PauseUnlessHalfClosed(Duration),
    /// Hold up the thread, and with it every task it carries.
    Block(Duration),
    /// Stop the whole process with SIGSTOP.
    Suspend,
    /// Close with FIN; nothing follows.
    Close,
    /// Close with RST; nothing follows.
    Reset,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    manners: Arc<Manners>,
    /// The message whose end has not come yet.
    unfinished: Vec<u8>,
    /// Whether part of the present message was already echoed because it is too long to hold back.
    overflowing: bool,
    done: bool,
}

/// A message, or a piece of one that is too long to hold back.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a [u8],
    terminator: &'a [u8],
    first: bool,
    last: bool,
}

impl Session {
    /// A connection that was just accepted.
    #[must_use]
    pub(super) fn new(manners: Arc<Manners>) -> Self {
        Self { manners, unfinished: Vec::new(), overflowing: false, done: false }
    }

    /// Whether nothing is left in hand: neither an unfinished message nor an echo begun.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.unfinished.is_empty() && !self.overflowing
    }

    /// Takes bytes that were read, appends what follows from them to `steps`, and returns how many messages ended.
    /// For UDP, `input` is one whole datagram.
    pub fn feed(&mut self, input: &[u8], steps: &mut Vec<Step>) -> u64 {
        if self.done {
            return 0;
        }
        match self.manners.framing {
            Framing::Raw | Framing::Datagram => {
                self.answer(Piece { text: input, terminator: b"", first: true, last: true }, steps)
            }
            Framing::Line => self.lines(input, steps),
            Framing::UntilEof => {
                self.unfinished.extend_from_slice(input);
                self.relieve(LONGEST_UNTIL_EOF, steps);
                0
            }
        }
    }

    /// The client half-closed: what is unfinished is a message now, and after its reply the server closes.
    /// Returns how many messages ended.
    pub fn end(&mut self, steps: &mut Vec<Step>) -> u64 {
        if self.done {
            return 0;
        }
        let mut ended = 0;
        if !self.is_idle() && !self.manners.drop_on_half_close {
            let text = std::mem::take(&mut self.unfinished);
            ended = self.answer(Piece { text: &text, terminator: b"", first: !self.overflowing, last: true }, steps);
        }
        if !self.done {
            self.finish(Step::Close, steps);
        }
        ended
    }

    fn lines(&mut self, input: &[u8], steps: &mut Vec<Step>) -> u64 {
        let mut rest = input;
        let mut ended = 0;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(at + 1);
            rest = after;
            ended += if self.unfinished.is_empty() {
                self.line(line, steps)
            } else {
                let mut whole = std::mem::take(&mut self.unfinished);
                whole.extend_from_slice(line);
                self.line(&whole, steps)
            };
            if self.done {
                return ended;
            }
        }
        self.unfinished.extend_from_slice(rest);
        self.relieve(LONGEST_LINE, steps);
        ended
    }

    fn line(&mut self, line: &[u8], steps: &mut Vec<Step>) -> u64 {
        let (text, terminator) = split_terminator(line);
        let first = !self.overflowing;
        self.overflowing = false;
        self.answer(Piece { text, terminator, first, last: true }, steps)
    }

    /// Echoes the beginning of a message that has grown longer than `limit`, and everything more of it as it comes.
    fn relieve(&mut self, limit: usize, steps: &mut Vec<Step>) {
        if self.unfinished.is_empty() || (!self.overflowing && self.unfinished.len() < limit) {
            return;
        }
        let mut text = std::mem::take(&mut self.unfinished);
        // A carriage return at the end may be half of the terminator, which a suffix has to precede.
        if self.manners.framing == Framing::Line && text.last() == Some(&b'\r') {
            text.pop();
            self.unfinished.push(b'\r');
        }
        let first = !self.overflowing;
        self.overflowing = true;
        self.answer(Piece { text: &text, terminator: b"", first, last: false }, steps);
    }

    /// Appends what the server does about a piece of a message; returns 1 when that ended a message.
    fn answer(&mut self, piece: Piece, steps: &mut Vec<Step>) -> u64 {
        let manners = Arc::clone(&self.manners);
        if manners.take_suspend() {
            steps.push(Step::Suspend);
        }
        if let Some(time) = manners.block {
            steps.push(Step::Block(time));
        }
        if manners.reset {
            self.finish(Step::Reset, steps);
        } else if manners.close_early {
            self.finish(Step::Close, steps);
        } else if !manners.drop_reply {
            wait(&manners, steps);
            send(&manners, spell(&manners, piece), steps);
            if piece.last && manners.one_shot {
                self.finish(Step::Close, steps);
            }
        }
        u64::from(piece.last)
    }

    fn finish(&mut self, step: Step, steps: &mut Vec<Step>) {
        steps.push(step);
        self.done = true;
        self.unfinished = Vec::new();
        self.overflowing = false;
    }
}

fn wait(manners: &Manners, steps: &mut Vec<Step>) {
    match manners.delay {
        time if manners.drop_on_half_close => {
            steps.push(Step::PauseUnlessHalfClosed(time.unwrap_or_default().max(LOOKOUT)));
        }
        Some(time) => steps.push(Step::Pause(time)),
        None => (),
    }
}

/// The reply's bytes, with what the faults make of them.
fn spell(manners: &Manners, piece: Piece) -> Vec<u8> {
    let reply = &manners.reply;
    let mut out = Vec::with_capacity(piece.text.len() + piece.terminator.len() + 16);
    if piece.first {
        out.extend_from_slice(opening(reply));
    }
    let body = out.len();
    append_body(reply, piece.text, &mut out);
    if manners.flip && out.len() > body {
        let middle = body + (out.len() - body) / 2;
        out[middle] = if out[middle] == b'#' { b'@' } else { b'#' };
    }
    if piece.last {
        out.extend_from_slice(closing(reply));
        out.truncate(out.len().saturating_sub(manners.cut));
    }
    if !manners.strip_terminator {
        out.extend_from_slice(piece.terminator);
    }
    out
}

/// Appends the sending of a reply, joined to a reply right before it so that they leave in one call.
fn send(manners: &Manners, bytes: Vec<u8>, steps: &mut Vec<Step>) {
    if let Some(size) = manners.split {
        for (n, part) in bytes.chunks(size).enumerate() {
            match n {
                0 => {}
                1 => steps.push(Step::Pause(AFTER_FIRST_PIECE)),
                _ => steps.push(Step::Pause(BETWEEN_PIECES)),
            }
            steps.push(Step::Send(part.to_vec()));
        }
        return;
    }
    match steps.last_mut() {
        // A datagram keeps its own reply, and an empty datagram has one too.
        Some(Step::Send(before)) if manners.framing != Framing::Datagram => before.extend_from_slice(&bytes),
        _ => steps.push(Step::Send(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::{Lifetime, Reply};
    use crate::reference::spec::{ServerFault, ServerSpec};

    use super::*;

    fn session(spec: &ServerSpec) -> Session {
        Session::new(Arc::new(Manners::of(spec)))
    }

    fn with(faults: &[ServerFault]) -> Session {
        session(&ServerSpec { faults: faults.to_vec(), ..ServerSpec::default() })
    }

    fn fed(session: &mut Session, input: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        session.feed(input, &mut steps);
        steps
    }

    fn ended(session: &mut Session) -> Vec<Step> {
        let mut steps = Vec::new();
        session.end(&mut steps);
        steps
    }

    fn send(bytes: &[u8]) -> Step {
        Step::Send(bytes.to_vec())
    }

    /// Everything sent among `steps`, joined.
    fn sent(steps: &[Step]) -> Vec<u8> {
        let bytes =
            steps.iter().filter_map(|step| if let Step::Send(bytes) = step { Some(bytes.as_slice()) } else { None });
        bytes.collect::<Vec<_>>().concat()
    }

    #[test]
    fn lines_are_answered_whole_however_they_are_cut() {
        let mut session = session(&ServerSpec { reply: Reply::Prefix("E: ".into()), ..ServerSpec::default() });
        assert_eq!(fed(&mut session, b"he"), []);
        assert!(!session.is_idle());
        assert_eq!(fed(&mut session, b"llo\nwor"), [send(b"E: hello\n")]);
        assert_eq!(fed(&mut session, b"ld\r\n\n"), [send(b"E: world\r\nE: \n")]);
        assert!(session.is_idle());
        assert_eq!(ended(&mut session), [Step::Close]);
    }

    #[test]
    fn an_unterminated_last_line_is_answered_as_it_came() {
        let mut session = with(&[]);
        fed(&mut session, b"tail");
        assert_eq!(ended(&mut session), [send(b"tail"), Step::Close]);
    }

    #[test]
    fn a_line_of_any_length_comes_back_from_bounded_memory() {
        let mut session = session(&ServerSpec { reply: Reply::Suffix("!".into()), ..ServerSpec::default() });
        let mut back = Vec::new();
        let mut message = vec![b'x'; 3 * LONGEST_LINE];
        message.extend_from_slice(b"end\r\n");
        // Cut in the middle of the terminator, which the suffix must precede.
        for part in [&message[..message.len() - 1], &message[message.len() - 1..]] {
            for chunk in part.chunks(10_007) {
                back.extend(sent(&fed(&mut session, chunk)));
                assert!(session.unfinished.capacity() <= 2 * LONGEST_LINE);
            }
        }
        message.truncate(message.len() - 2);
        message.extend_from_slice(b"!\r\n");
        assert!(back == message, "{} bytes back for {}", back.len(), message.len());
        assert_eq!(fed(&mut session, b"next\n"), [send(b"next!\n")]);
    }

    #[test]
    fn until_eof_nothing_comes_before_the_half_close() {
        let mut session = session(&ServerSpec { framing: Framing::UntilEof, ..ServerSpec::default() });
        assert_eq!(fed(&mut session, b"a\nb"), []);
        assert_eq!(ended(&mut session), [send(b"a\nb"), Step::Close]);
        assert_eq!(fed(&mut session, b"more"), []);
    }

    #[test]
    fn one_shot_closes_after_the_first_message() {
        let mut session = session(&ServerSpec { lifetime: Lifetime::OneShot, ..ServerSpec::default() });
        assert_eq!(fed(&mut session, b"a\nb\n"), [send(b"a\n"), Step::Close]);
        assert_eq!(ended(&mut session), []);
    }

    #[test]
    fn raw_chunks_and_empty_datagrams_are_messages() {
        let mut raw = session(&ServerSpec { framing: Framing::Raw, ..ServerSpec::default() });
        assert_eq!(fed(&mut raw, b"\x00\xff"), [send(b"\x00\xff")]);
        let mut datagram = session(&ServerSpec { framing: Framing::Datagram, ..ServerSpec::default() });
        assert_eq!(fed(&mut datagram, b""), [send(b"")]);
    }

    #[test]
    fn each_fault_of_the_text_changes_what_it_says() {
        assert_eq!(fed(&mut with(&[ServerFault::StripTerminator]), b"hello\n"), [send(b"hello")]);
        assert_eq!(fed(&mut with(&[ServerFault::CutReply(2)]), b"hello\n"), [send(b"hel\n")]);
        assert_eq!(fed(&mut with(&[ServerFault::CutReply(9)]), b"hello\n"), [send(b"\n")]);
        assert_eq!(fed(&mut with(&[ServerFault::FlipByte]), b"hello\n"), [send(b"he#lo\n")]);
        assert_eq!(fed(&mut with(&[ServerFault::FlipByte]), b"#\n\n"), [send(b"@\n\n")]);
        let both = with(&[ServerFault::CutReply(1), ServerFault::FlipByte]);
        assert_eq!(fed(&mut { both }, b"hello\r\n"), [send(b"he#l\r\n")]);
    }

    #[test]
    fn each_fault_of_the_manner_is_a_step_of_its_own() {
        let second = Duration::from_secs(1);
        assert_eq!(fed(&mut with(&[ServerFault::DropReply]), b"a\n"), []);
        assert_eq!(fed(&mut with(&[ServerFault::CloseEarly]), b"a\n"), [Step::Close]);
        assert_eq!(fed(&mut with(&[ServerFault::Reset]), b"a\n"), [Step::Reset]);
        assert_eq!(fed(&mut with(&[ServerFault::DelayReply(1000)]), b"a\n"), [Step::Pause(second), send(b"a\n")]);
        assert_eq!(fed(&mut with(&[ServerFault::BlockLoop(1000)]), b"a\n"), [Step::Block(second), send(b"a\n")]);
        let split = fed(&mut with(&[ServerFault::SplitReply(2)]), b"abcde\n");
        assert_eq!(
            split,
            [send(b"ab"), Step::Pause(AFTER_FIRST_PIECE), send(b"cd"), Step::Pause(BETWEEN_PIECES), send(b"e\n"),]
        );
    }

    #[test]
    fn a_dropped_half_close_takes_what_is_owed_with_it() {
        let mut line = with(&[ServerFault::DropOnHalfClose]);
        assert_eq!(fed(&mut line, b"a\n"), [Step::PauseUnlessHalfClosed(LOOKOUT), send(b"a\n")]);
        let eof = ServerSpec {
            framing: Framing::UntilEof,
            faults: vec![ServerFault::DropOnHalfClose],
            ..ServerSpec::default()
        };
        let mut session = session(&eof);
        fed(&mut session, b"a");
        assert_eq!(ended(&mut session), [Step::Close]);
    }

    #[test]
    fn a_server_stops_itself_once_and_not_once_per_connection() {
        let spec = ServerSpec { faults: vec![ServerFault::Suspend], ..ServerSpec::default() };
        let manners = Arc::new(Manners::of(&spec));
        let mut first = Session::new(Arc::clone(&manners));
        let mut second = Session::new(manners);
        assert_eq!(fed(&mut first, b"a\n"), [Step::Suspend, send(b"a\n")]);
        assert_eq!(fed(&mut second, b"a\n"), [send(b"a\n")]);
    }
}
