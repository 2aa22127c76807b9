//! What was owed for what was asked, in every framing.

use super::*;
use crate::evidence::{How, Role, Term};
use crate::facts::staged::{self, Stage, datagrams, pair, probe, talk};

fn read(stage: &Stage) -> Exchange {
    stage.facts().exchanges().unwrap().remove(0).1
}

fn echo(framing: Framing, talk: staged::Talk) -> Echo {
    read(&pair().contract(|terms| terms.framing = Some(Term::told(framing))).talk(talk)).echo
}

fn line(talk: staged::Talk) -> Echo {
    echo(Framing::Line, talk)
}

fn short(owed: u64, whole_messages: bool) -> Echo {
    Echo::Short { owed, whole_messages }
}

#[test]
fn a_line_is_owed_when_it_is_complete() {
    assert_eq!(line(talk(40001)), Echo::NothingAsked);
    assert_eq!(line(talk(40001).asks("hello")), Echo::Pending);
    assert_eq!(line(talk(40001).asks("hello\n")), Echo::Nothing);
    assert_eq!(line(talk(40001).echoes("hello\n")), Echo::Right);
    assert_eq!(line(talk(40001).echoes("hello\n").asks("wor")), Echo::Pending);
}

#[test]
fn a_told_reply_leaves_open_which_line_end_it_has() {
    let asked = || talk(40001).asks("one\r\n").answers("one\n").asks("two\r\n");
    let both = || asked().answers("two\n").closes(Role::Client);
    assert_eq!(read(&pair().talk(both())).echo, Echo::Right);
    assert_ne!(
        read(&pair().talk(both()).hangs()).echo,
        Echo::Right,
        "a client that waits on may wait for the other one"
    );
    assert_ne!(read(&pair().talk(both()).exits(Role::Client, 80.0, How::Code(1))).echo, Echo::Right);
    assert_eq!(line(asked().closes(Role::Client)), short(10, true));
}

#[test]
fn a_missing_line_is_not_a_cut_one() {
    assert_eq!(line(talk(40001).echoes("one\n").asks("two\n")), short(8, true));
    assert_eq!(line(talk(40001).asks("hello\n").answers("he")), short(6, false));
    assert_eq!(line(talk(40001).asks("hello\n").answers("hel\n")), short(6, false));
    assert_eq!(line(talk(40001).asks("hello\n").answers("hello")), Echo::Unterminated);
    assert_eq!(line(talk(40001).asks("a\n").answers("a").asks("b\n").answers("b")), Echo::Unterminated);
}

#[test]
fn what_is_wrong_is_shown_from_where_it_begins() {
    let differs = Echo::Differs { at: 2, owed: "llo\n".into(), got: "xlo\n".into() };
    assert_eq!(line(talk(40001).asks("hello\n").answers("hexlo\n")), differs);
    let surplus = Echo::Surplus { extra: "hello\n".into() };
    assert_eq!(line(talk(40001).echoes("hello\n").answers("hello\n")), surplus);
}

#[test]
fn a_word_of_parting_is_no_surplus_and_what_is_no_word_is() {
    let parted = |word: &str| line(talk(40001).asks("hello\n").closes(Role::Client).answers(&format!("hello\n{word}")));
    assert_eq!(parted("bye\n"), Echo::Right);
    for word in ["\0", "hello\n", "bye\0"] {
        assert_eq!(parted(word), Echo::Surplus { extra: word.into() });
    }
}

#[test]
fn a_raw_echo_owes_every_byte_in_any_cutting() {
    assert_eq!(echo(Framing::Raw, talk(40001).asks("hello").answers("he").answers("llo")), Echo::Right);
    assert_eq!(echo(Framing::Raw, talk(40001).asks("hello").answers("he")), short(5, false));
    assert_eq!(echo(Framing::Raw, talk(40001).asks("hello")), Echo::Nothing);
}

#[test]
fn until_eof_nothing_is_owed_before_the_half_close() {
    assert_eq!(echo(Framing::UntilEof, talk(40001).asks("hello\n")), Echo::Pending);
    let closed = talk(40001).asks("hello\n").closes(Role::Client);
    assert_eq!(echo(Framing::UntilEof, closed.clone()), Echo::Nothing);
    assert_eq!(echo(Framing::UntilEof, closed.answers("hello\n")), Echo::Right);
}

#[test]
fn a_last_line_that_a_half_close_ended_may_be_answered_or_not() {
    let closed = talk(40001).asks("hello").closes(Role::Client);
    assert_eq!(line(closed.clone()), Echo::Pending);
    assert_eq!(line(closed.answers("hello")), Echo::Right);
}

#[test]
fn datagrams_are_answered_one_by_one() {
    let udp = |talk| read(&pair().udp().talk(talk)).echo;
    assert_eq!(udp(datagrams(40001).echoes("a").echoes("b")), Echo::Right);
    assert_eq!(udp(datagrams(40001).asks("aa")), Echo::Nothing);
    assert_eq!(udp(datagrams(40001).asks("aa").asks("bb").answers("aa")), short(4, true));
    assert_eq!(udp(datagrams(40001).asks("aa").answers("a")), short(2, false));
    assert!(matches!(udp(datagrams(40001).asks("aa").answers("ab")), Echo::Differs { at: 1, .. }));
    assert!(matches!(udp(datagrams(40001).echoes("a").answers("a")), Echo::Surplus { .. }));
}

#[test]
fn whether_a_message_is_complete_depends_on_the_framing() {
    let complete = |framing: Option<Framing>, talk: staged::Talk| {
        read(&pair().contract(|terms| terms.framing = framing.map(Term::told)).talk(talk)).asked_completely
    };
    let hello = || talk(40001).asks("hello");
    assert_eq!(complete(Some(Framing::Line), hello()), Some(false));
    assert_eq!(complete(Some(Framing::Line), hello().asks("\n")), Some(true));
    assert_eq!(complete(Some(Framing::Raw), hello()), Some(true));
    assert_eq!(complete(Some(Framing::UntilEof), hello()), Some(false));
    assert_eq!(complete(Some(Framing::UntilEof), hello().closes(Role::Client)), Some(true));
    assert_eq!(complete(None, hello()), None);
}

#[test]
fn an_untold_reply_is_right_if_some_dialect_explains_all_of_it() {
    let untold = |talk| read(&pair().untold().talk(talk)).echo;
    for reply in ["hello\n", "hello", "hello\r\n", "HELLO\n", "Echo : hello\n", "hello!\n"] {
        assert_eq!(untold(talk(40001).asks("hello\n").answers(reply)), Echo::Right, "{reply:?}");
    }
    assert!(matches!(untold(talk(40001).asks("hello\n").answers("ok\n")), Echo::Differs { .. }));
}

#[test]
fn a_told_reply_takes_no_other() {
    let prefix = |terms: &mut Contract| terms.reply = Some(Term::told(Reply::Prefix("E: ".into())));
    let stage = |reply| pair().contract(prefix).talk(talk(40001).asks("a\n").answers(reply));
    assert_eq!(read(&stage("E: a\n")).echo, Echo::Right);
    assert!(matches!(read(&stage("a\n")).echo, Echo::Differs { at: 0, .. }));
}

#[test]
fn probes_tell_what_a_contract_cannot_say() {
    let greeted = pair().untold().probed(vec![probe("hi\n", "HI\n"), probe("ho\n", "HO\n")]);
    assert_eq!(read(&greeted.talk(talk(40001).asks("hello\n").answers("HELLO\n"))).echo, Echo::Right);
}

/// 100,000 bytes in lines of 100.
fn long() -> String {
    format!("{}\n", "x".repeat(99)).repeat(1000)
}

#[test]
fn a_long_echo_is_settled_by_length_and_digest() {
    assert_eq!(line(talk(40001).echoes(&long())), Echo::Right);
    assert_eq!(line(talk(40001).asks(&long())), Echo::Nothing);
    assert_eq!(line(talk(40001).asks(&long()).answers(&long()[..70_000])), short(100_000, false));
    let damaged = long().replacen('x', "y", 1);
    assert!(matches!(line(talk(40001).asks(&long()).answers(&damaged)), Echo::Differs { at: 0, .. }));
    let beyond = format!("{}y{}", &long()[..80_000], &long()[80_001..]);
    let stage = pair().talk(talk(40001).asks(&long()).answers(&beyond));
    assert_eq!(stage.facts().exchanges().unwrap_err().source, "packets", "the damage is not in what was kept");
}

#[test]
fn an_empty_line_that_gets_no_answer_is_a_message_and_no_missing_line_end() {
    assert_eq!(line(talk(40001).echoes("one\n").asks("\n")), short(5, true));
    assert_eq!(line(talk(40001).asks("one\n").answers("one")), Echo::Unterminated);
}

#[test]
fn an_unfinished_end_of_a_long_request_is_owed_nothing() {
    let unfinished = format!("{}end", long());
    assert_eq!(line(talk(40001).asks(&unfinished).answers(&long())), Echo::Pending);
    assert_eq!(line(talk(40001).asks(&unfinished).answers(&unfinished[..70_000])), short(100_000, false));
    let one_line = "x".repeat(100_000);
    let stage = pair().talk(talk(40001).asks(&one_line));
    assert!(stage.facts().exchanges().is_err(), "its middle may hold a line end");
    assert_eq!(echo(Framing::UntilEof, talk(40001).asks(&one_line)), Echo::Pending);
}

#[test]
fn a_long_reply_in_another_shape_cannot_be_weighed() {
    let stage = pair().contract(|terms| terms.reply = Some(Term::told(Reply::Uppercase)));
    assert!(stage.talk(talk(40001).echoes(&long())).facts().exchanges().is_err());
}

#[test]
fn a_hole_in_the_capture_is_a_gap() {
    let stage = pair().talk(talk(40001).echoes("hello\n")).packets(|packets| packets.conversations[0].sent.missing = 1);
    assert_eq!(stage.facts().exchanges().unwrap_err().source, "packets");
}

#[test]
fn without_packets_only_nothing_can_be_told() {
    let counts = |talk: staged::Talk| {
        let stage = pair().talk(talk.open()).hangs().unseen("packets");
        stage.facts().exchanges().map(|mut exchanges| exchanges.remove(0).1.echo)
    };
    assert_eq!(counts(talk(40001)), Ok(Echo::NothingAsked));
    assert_eq!(counts(talk(40001).asks("hello\n")), Ok(Echo::Nothing));
    assert!(counts(talk(40001).echoes("hello\n")).is_err());
}

fn stream_of(datagrams: &[&str]) -> Stream {
    Stream {
        head: datagrams.concat().as_str().into(),
        datagrams: datagrams.iter().map(|datagram| datagram.len() as u32).collect(),
        ..Stream::default()
    }
}

fn weigh_all(sent: &[&str], received: &[&str]) -> Echo {
    weigh_datagrams(&Terms::new(Framing::Datagram, Reply::Exact), &stream_of(sent), &stream_of(received))
}

#[test]
fn datagrams_may_be_answered_in_any_order() {
    assert_eq!(weigh_all(&["m0", "m1", ""], &["m1", "m0"]), Echo::Right);
    assert_eq!(weigh_all(&["a", "b"], &["b", "a"]), Echo::Right);
    assert_eq!(weigh_all(&["a", "b"], &["b"]), Echo::Short { owed: 2, whole_messages: true });
}

#[test]
fn a_wrong_datagram_is_wrong_in_any_order() {
    assert!(matches!(weigh_all(&["ab", "cd"], &["cd", "ba"]), Echo::Differs { .. }));
    assert!(matches!(weigh_all(&["ab"], &["ab", "ab"]), Echo::Surplus { .. }));
    assert_eq!(weigh_all(&["abcd"], &["ab"]), Echo::Short { owed: 4, whole_messages: false });
}
