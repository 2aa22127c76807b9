//! Hand-made probes for every careful case.

use std::net::SocketAddr;

use crate::evidence::{At, Bytes, Close, Framing, Lifetime, Probe, Probes, Reach, Reply, Shape, Transport};

use super::{Binary, Bulk, Comparison, Datagrams, Decoration, Dialect, Ending, Places, learn, weigh};

/// A probe that was answered at once, to be varied.
fn probe(shape: Shape, sent: &[&str], received: &str) -> Probe {
    let target: SocketAddr = ([127, 0, 0, 1], 7).into();
    let at_once = matches!(shape, Shape::LineHalfClose | Shape::ChunkHalfClose);
    Probe {
        shape,
        target,
        transport: Transport::Tcp,
        at: At(0),
        from: None,
        reach: Reach::Connected,
        sent: sent.iter().map(|part| Bytes::from(*part)).collect(),
        sent_total: sent.iter().map(|part| part.len() as u64).sum(),
        received: received.into(),
        received_total: received.len() as u64,
        first_byte_ms: (!received.is_empty() && !sent.is_empty()).then_some(1.0),
        last_byte_ms: (!received.is_empty() && !sent.is_empty()).then_some(1.0),
        before_half_close: if at_once { 0 } else { received.len() as u64 },
        half_closed: true,
        close: Close::Fin,
        patience_ms: 150,
        at_rest: false,
        group: 0,
    }
}

/// Learns from probes made one after the other.
fn learned(probes: Vec<Probe>) -> Dialect {
    let numbered = probes.into_iter().enumerate().map(|(index, probe)| match probe.group {
        0 => Probe { group: 100 + index as u32, ..probe },
        _ => probe,
    });
    learn(&Probes { probes: numbered.collect() })
}

/// What a server makes of a text.
type Answer = fn(&str) -> String;

/// Text number `n`.
fn text(n: u32) -> String {
    format!("netdiag probe {n} says hello {n}")
}

/// One line sent, and what `answer` makes of its text.
fn line(shape: Shape, n: u32, answer: impl Fn(&str) -> String) -> Probe {
    let end = if shape == Shape::CrLfLine { "\r\n" } else { "\n" };
    probe(shape, &[&format!("{}{end}", text(n))], &answer(&text(n)))
}

fn two_lines(n: u32, answer: impl Fn(&str) -> String) -> Probe {
    let (one, other) = (text(n), text(n + 1));
    probe(Shape::TwoLines, &[&format!("{one}\n"), &format!("{other}\n")], &(answer(&one) + &answer(&other)))
}

fn chunk(n: u32, received: &str) -> Probe {
    probe(Shape::Chunk, &[&text(n)], received)
}

#[expect(clippy::ref_option, reason = "the fields of a dialect are passed as they are")]
fn value<T: Clone>(learned: &Option<super::Learned<T>>) -> Option<T> {
    learned.as_ref().map(|learned| learned.value.clone())
}

#[test]
fn a_chunk_that_is_echoed_shows_a_raw_server_and_one_that_is_not_a_line_server() {
    let newline = |t: &str| format!("{t}\n");
    let raw = learned(vec![two_lines(1, newline), chunk(3, &text(3))]);
    assert_eq!(value(&raw.framing), Some(Framing::Raw));
    let waits = learned(vec![two_lines(1, newline), chunk(3, "")]);
    assert_eq!(value(&waits.framing), Some(Framing::Line));
    assert_eq!(waits.framing.unwrap().evidence(), ["probes:0", "probes:1"]);
    let at_eof = Probe { before_half_close: 0, ..chunk(3, &text(3)) };
    assert_eq!(value(&learned(vec![two_lines(1, newline), at_eof]).framing), Some(Framing::Line));
}

#[test]
fn a_short_silence_says_nothing_about_framing() {
    let newline = |t: &str| format!("{t}\n");
    let hasty = Probe { patience_ms: 40, ..chunk(3, "") };
    assert_eq!(learned(vec![two_lines(1, newline), hasty]).framing, None);
    let slow = Probe { first_byte_ms: Some(100.0), ..two_lines(1, newline) };
    assert_eq!(learned(vec![slow, chunk(3, "")]).framing, None, "150 ms are nothing to a server that takes 100");
}

#[test]
fn prefixes_suffixes_and_upper_case_are_recognised() {
    let cases: [(Answer, Reply); 5] = [
        (|t| format!("ECHO: {t}\n"), Reply::Prefix("ECHO: ".into())),
        (|t| format!("Server received: {t}\n"), Reply::Prefix("Server received: ".into())),
        (|t| format!("Reply:\n{t}\n"), Reply::Prefix("Reply:\n".into())),
        (|t| format!("{t} (from the server)\n"), Reply::Suffix(" (from the server)".into())),
        (|t| format!("{}\n", t.to_uppercase()), Reply::Uppercase),
    ];
    for (answer, reply) in cases {
        let dialect = learned(vec![two_lines(1, answer), line(Shape::Line, 3, answer)]);
        assert_eq!(value(&dialect.reply), Some(reply));
        assert_eq!(value(&dialect.ending), Some(Ending::Kept));
        assert_eq!(value(&dialect.echoes), Some(true));
        assert_eq!(dialect.banner, None);
    }
}

#[test]
fn a_reply_without_its_line_end_is_a_dialect_of_its_own() {
    let dialect =
        learned(vec![two_lines(1, |t| format!("Echo : {t}")), line(Shape::CrLfLine, 3, |t| format!("Echo : {t}"))]);
    assert_eq!(value(&dialect.reply), Some(Reply::Prefix("Echo : ".into())));
    assert_eq!(value(&dialect.ending), Some(Ending::Dropped));
    assert_eq!(dialect.keeps_crlf, None);
}

#[test]
fn line_ends_are_kept_replaced_or_chosen() {
    let cases: [(Answer, Answer, Ending, bool); 3] = [
        (|t| format!("{t}\n"), |t| format!("{t}\r\n"), Ending::Kept, true),
        (|t| format!("{t}\n"), |t| format!("{t}\n"), Ending::Lf, false),
        (|t| format!("{t}\r\n"), |t| format!("{t}\r\n"), Ending::CrLf, true),
    ];
    for (lf, crlf, ending, keeps) in cases {
        let dialect = learned(vec![two_lines(1, lf), line(Shape::CrLfLine, 3, crlf)]);
        assert_eq!(value(&dialect.ending), Some(ending));
        assert_eq!(value(&dialect.keeps_crlf), Some(keeps));
        assert_eq!(value(&dialect.reply), Some(Reply::Exact));
    }
}

#[test]
fn a_server_that_wants_crlf_is_not_mute() {
    let silent = Probe { patience_ms: 500, ..line(Shape::Line, 1, |_| String::new()) };
    let dialect = learned(vec![silent, line(Shape::CrLfLine, 2, |t| format!("{t}\r\n")), chunk(3, "")]);
    assert_eq!((value(&dialect.accepts_lf), value(&dialect.accepts_crlf)), (Some(false), Some(true)));
    assert_eq!(value(&dialect.framing), Some(Framing::Line));
    assert_eq!(value(&dialect.reply), Some(Reply::Exact));
}

#[test]
fn a_banner_is_separated_from_the_replies() {
    let newline = |t: &str| format!("{t}\n");
    let greeted = |probe: Probe| {
        let received = format!("Welcome\n{}", String::from_utf8(probe.received.0).unwrap());
        let before_half_close = probe.before_half_close + 8;
        Probe { received_total: received.len() as u64, received: received.as_str().into(), before_half_close, ..probe }
    };
    let by_two_lines = learned(vec![greeted(two_lines(1, newline)), greeted(chunk(3, ""))]);
    let by_knock = learned(vec![
        greeted(line(Shape::Line, 1, newline)),
        greeted(chunk(3, "")),
        greeted(probe(Shape::Knock, &[], "")),
    ]);
    for dialect in [by_two_lines, by_knock] {
        assert_eq!(value(&dialect.banner), Some("Welcome\n".into()));
        assert_eq!(value(&dialect.reply), Some(Reply::Exact));
        assert_eq!(value(&dialect.framing), Some(Framing::Line), "the banner is no answer to the chunk");
    }
}

#[test]
fn a_banner_that_names_the_clients_port_is_still_a_banner() {
    let with = |port: u32, probe: Probe| {
        let banner = format!("Hello 127.0.0.1:{port}\n");
        let received = format!("{banner}{}", String::from_utf8(probe.received.0).unwrap());
        let before_half_close = probe.before_half_close + banner.len() as u64;
        Probe { received_total: received.len() as u64, received: received.as_str().into(), before_half_close, ..probe }
    };
    let newline = |t: &str| format!("{t}\n");
    let dialect = learned(vec![
        with(4000, two_lines(1, newline)),
        with(50_000, line(Shape::Line, 3, newline)),
        with(6000, probe(Shape::Knock, &[], "")),
        with(7000, line(Shape::LineHalfClose, 4, newline)),
        with(8000, chunk(5, "")),
    ]);
    assert_eq!(value(&dialect.reply), Some(Reply::Exact));
    assert_eq!(value(&dialect.answers_half_close), Some(true));
}

#[test]
fn what_varies_or_holds_digits_is_not_called_a_prefix() {
    let varying =
        learned(vec![line(Shape::Line, 1, |t| format!("[1] {t}\n")), line(Shape::Line, 2, |t| format!("[2] {t}\n"))]);
    assert_eq!((value(&varying.echoes), varying.reply.clone()), (Some(true), None));
    assert_eq!(value(&varying.decoration), Some(Decoration::Varying));
    let same_second = learned(vec![two_lines(1, |t| format!("12:00:01 {t}\n"))]);
    assert_eq!((value(&same_second.echoes), same_second.reply.clone()), (Some(true), None));
    assert!(matches!(value(&same_second.decoration), Some(Decoration::Numbered { .. })));
    let both = learned(vec![two_lines(1, |t| format!("You said '{t}'.\n"))]);
    assert_eq!((value(&both.echoes), both.reply.clone()), (Some(true), None));
    assert!(matches!(value(&both.decoration), Some(Decoration::Around { upper: false, .. })));
}

#[test]
fn a_server_of_something_else_is_not_an_echo_server() {
    let answers: [fn(&str) -> String; 4] = [
        |_| "HTTP/1.0 400 Bad request syntax\r\n\r\n".to_owned(),
        |t| format!("HTTP/1.1 400 Bad Request\r\n\r\n<p>Bad request syntax ('{t}').</p>\n"),
        |_| "500 5.5.2 Error: bad syntax\r\n".to_owned(),
        |_| "-ERR unknown command 'netdiag', with args beginning with: 'probe' '1' 'says' 'hello' '1'\r\n".to_owned(),
    ];
    for answer in answers {
        let dialect = learned(vec![line(Shape::Line, 1, answer), line(Shape::Line, 2, answer), chunk(3, "")]);
        assert_eq!(value(&dialect.echoes), Some(false), "{}", answer(&text(1)));
        let nothing_about_its_echo = dialect.framing.is_none() && dialect.reply.is_none() && dialect.binary.is_none();
        assert!(nothing_about_its_echo);
    }
}

#[test]
fn a_damaged_echo_is_an_echo_whose_reply_cannot_be_named() {
    let flip = |t: &str| {
        let mut bytes = t.as_bytes().to_vec();
        bytes[t.len() / 2] ^= 1;
        String::from_utf8(bytes).unwrap() + "\n"
    };
    for answer in [&flip as &dyn Fn(&str) -> String, &|t: &str| format!("{}\n", &t[..t.len() - 3])] {
        let dialect = learned(vec![two_lines(1, answer), line(Shape::Line, 3, answer), chunk(4, "")]);
        assert_eq!((value(&dialect.echoes), dialect.reply.clone()), (Some(true), None));
        assert_eq!((dialect.blocks, dialect.decoration), (None, None));
    }
}

#[test]
fn a_mute_server_is_mute_and_no_dialect_is_made_up() {
    let dialect = learned(vec![line(Shape::Line, 1, |_| String::new()), chunk(2, "")]);
    assert_eq!(value(&dialect.answers), Some(false));
    assert_eq!((dialect.echoes, dialect.framing, dialect.reply), (None, None, None));
}

#[test]
fn nothing_is_learned_from_refusals() {
    let refused = Probe { reach: Reach::Refused, sent: Vec::new(), ..chunk(1, "") };
    assert_eq!(learned(vec![refused.clone(), refused]), Dialect::default());
    assert_eq!(learned(Vec::new()), Dialect::default());
}

#[test]
fn a_server_that_reads_until_eof_answers_only_then() {
    let answer = |t: &str| format!("{t}\n");
    let silent =
        Probe { before_half_close: 0, first_byte_ms: Some(251.0), patience_ms: 250, ..line(Shape::Line, 1, answer) };
    let dialect = learned(vec![silent, line(Shape::LineHalfClose, 2, answer)]);
    assert_eq!(value(&dialect.framing), Some(Framing::UntilEof));
    assert_eq!(value(&dialect.lifetime), Some(Lifetime::OneShot));
    assert_eq!(value(&dialect.answers_half_close), Some(true));
    assert_eq!(value(&dialect.latency_ms), Some(1.0), "the time until our half-close is ours, not the server's");
}

#[test]
fn whoever_begins_to_answer_many_bytes_before_their_end_does_not_read_until_eof() {
    let answer = |t: &str| format!("{t}\n");
    let bulk = ("x".repeat(63) + "\n").repeat(1023);
    let much =
        |early: u64, got: usize| Probe { before_half_close: early, ..probe(Shape::Bulk, &[&bulk], &bulk[..got]) };
    let with = |much: Probe| {
        let silent = Probe { before_half_close: 0, at_rest: true, ..line(Shape::Line, 1, answer) };
        learned(vec![silent, line(Shape::LineHalfClose, 2, answer), much])
    };
    let hoards = with(much(49_152, bulk.len()));
    assert_eq!((value(&hoards.hoards), hoards.framing, value(&hoards.reply)), (Some(49_152), None, Some(Reply::Exact)));
    let patient = with(much(0, bulk.len()));
    assert_eq!((patient.hoards, value(&patient.framing)), (None, Some(Framing::UntilEof)));
    let limited = with(Probe { half_closed: false, ..much(10_000, 10_000) });
    assert_eq!(limited.hoards, None, "it takes ten thousand bytes at most, answers them, and hangs up");
    let prompt = learned(vec![two_lines(1, answer), chunk(3, ""), much(4096, bulk.len())]);
    assert_eq!((prompt.hoards, value(&prompt.framing)), (None, Some(Framing::Line)));
}

#[test]
fn a_server_that_hangs_up_after_one_answer_is_one_shot() {
    let hangs_up = |n| Probe { half_closed: false, ..line(Shape::Line, n, |t| format!("{t}\n")) };
    let dialect = learned(vec![hangs_up(1), hangs_up(2), chunk(3, "")]);
    assert_eq!(value(&dialect.lifetime), Some(Lifetime::OneShot));
    assert_eq!(dialect.answers_second, None);
    let first_only = format!("{}\n", text(1));
    let reset = Probe {
        half_closed: false,
        close: Close::Reset,
        received: first_only.as_str().into(),
        ..two_lines(1, |t| format!("{t}\n"))
    };
    assert_eq!(value(&learned(vec![reset.clone(), chunk(3, "")]).lifetime), Some(Lifetime::OneShot));
    let ignores = Probe { half_closed: true, close: Close::Fin, ..reset };
    let dialect = learned(vec![ignores, line(Shape::Line, 3, |t| format!("{t}\n"))]);
    assert_eq!((dialect.lifetime, value(&dialect.answers_second)), (None, Some(false)));
}

#[test]
fn a_server_that_waits_for_full_blocks_is_recognised() {
    let sent = "x".repeat(63) + "\n";
    let bulk = sent.repeat(33);
    let silent = Probe { patience_ms: 2000, ..line(Shape::Line, 1, |_| String::new()) };
    let part = probe(Shape::Bulk, &[&bulk], &bulk[..2048]);
    let dialect = learned(vec![silent, part]);
    assert_eq!(
        value(&dialect.blocks),
        Some(128),
        "the smallest round size that leaves 64 bytes over and none of a line"
    );
    assert_eq!((dialect.framing, value(&dialect.echoes)), (None, Some(true)));
    let small = |n: u32| {
        let sent = text(n) + "\n";
        probe(Shape::Line, &[&sent], &sent[..16])
    };
    let at_once = Probe { received: "".into(), received_total: 0, ..line(Shape::LineHalfClose, 4, |_| String::new()) };
    assert_eq!(value(&learned(vec![small(1), small(2), chunk(3, &text(3)[..16]), at_once]).blocks), Some(16));
}

#[test]
fn the_second_client_shows_how_many_are_served_at_once() {
    let newline = |t: &str| format!("{t}\n");
    let idler = |held| Probe { group: 1, patience_ms: held, ..probe(Shape::Idler, &[], "") };
    let second = |ms| Probe { group: 1, first_byte_ms: Some(ms), ..line(Shape::Line, 3, newline) };
    let places = |idler, second| value(&learned(vec![two_lines(1, newline), idler, second]).places);
    assert_eq!(places(idler(3), second(1.5)), Some(Places::AtLeast(2)));
    assert_eq!(places(idler(150), second(150.4)), Some(Places::One));
    let trials = |ms| {
        let again = Probe { group: 2, ..idler(300) };
        let other = Probe { group: 2, ..second(ms) };
        value(&learned(vec![two_lines(1, newline), idler(300), second(302.0), again, other]).places)
    };
    assert_eq!(trials(303.0), Some(Places::One));
    assert_eq!(trials(1.0), Some(Places::AtLeast(2)), "the first trial met a stall");
    let slow = Probe { first_byte_ms: Some(100.0), ..two_lines(1, newline) };
    assert_eq!(value(&learned(vec![slow, idler(150), second(151.0)]).places), None);
    let never = Probe { group: 1, ..line(Shape::Line, 3, |_| String::new()) };
    assert_eq!(places(idler(150), never), None, "it may have died as well");
}

#[test]
fn a_full_pool_shows_its_size() {
    let newline = |t: &str| format!("{t}\n");
    let member = |n| Probe { group: 1, shape: Shape::Overlapping, ..two_lines(n, newline) };
    let queued = |held_ms: u64| Probe {
        group: 1,
        shape: Shape::Overlapping,
        first_byte_ms: Some(held_ms as f64 + 0.5),
        patience_ms: held_ms,
        ..line(Shape::Line, 9, newline)
    };
    let dialect = learned(vec![member(1), member(3), member(5), queued(1000)]);
    assert_eq!(value(&dialect.places), Some(Places::Exactly(3)));
    let stalled = learned(vec![member(1), member(3), member(5), queued(190)]);
    assert_eq!(value(&stalled.places), Some(Places::AtLeast(3)));
    let late = Probe { first_byte_ms: Some(2000.0), ..member(5) };
    assert_eq!(value(&learned(vec![member(1), member(3), late]).places), Some(Places::AtLeast(3)));
    assert_eq!(value(&learned(vec![member(1), member(3), member(5)]).places), Some(Places::AtLeast(3)));
}

#[test]
fn another_clients_text_is_crosstalk() {
    let newline = |t: &str| format!("{t}\n");
    let member = |n: u32| Probe { group: 1, shape: Shape::Overlapping, ..two_lines(n, newline) };
    let clean = learned(vec![member(1), member(3)]);
    assert_eq!(value(&clean.crosstalk), Some(false));
    let wrong = format!("{}\n{}\n", text(1), text(4));
    let crossed = Probe { received: wrong.as_str().into(), ..member(1) };
    assert_eq!(value(&learned(vec![crossed, member(3)]).crosstalk), Some(true));
}

#[test]
fn surviving_needs_an_answer_afterwards_and_dying_a_silence_or_refusal() {
    let newline = |t: &str| format!("{t}\n");
    let rude = || Probe { half_closed: false, close: Close::Open, ..probe(Shape::Rude, &["netdiag"], "") };
    let before = || two_lines(1, newline);
    let survives = |after: Vec<Probe>| value(&learned([vec![before(), rude()], after].concat()).survives_rude);
    assert_eq!(survives(vec![line(Shape::Line, 3, newline)]), Some(true));
    assert_eq!(survives(vec![line(Shape::Line, 3, |_| String::new())]), Some(false));
    let hasty = Probe { patience_ms: 50, close: Close::Open, ..line(Shape::Line, 3, |_| String::new()) };
    assert_eq!(survives(vec![hasty]), None);
    assert_eq!(survives(vec![]), None);
    let refused = Probe { reach: Reach::Refused, sent: Vec::new(), ..chunk(3, "") };
    let dead = learned(vec![before(), rude(), refused]);
    assert_eq!((value(&dead.survives_rude), dead.gone), (Some(false), Some(2)));
}

#[test]
fn a_text_service_is_not_a_broken_one() {
    let newline = |t: &str| format!("{t}\n");
    let odd = "\u{1}\u{2}é and more than enough text\n";
    let answered = |received: &str| Probe { close: Close::Fin, ..probe(Shape::Binary, &[odd], received) };
    let next = || line(Shape::Line, 3, newline);
    let binary =
        |probes: Vec<Probe>| value(&learned([vec![two_lines(1, newline), chunk(8, "")], probes].concat()).binary);
    assert_eq!(binary(vec![answered(odd)]), Some(Binary::Clean));
    assert_eq!(binary(vec![answered(""), next()]), Some(Binary::TextOnly));
    assert_eq!(binary(vec![answered("?? and more than enough text\n"), next()]), Some(Binary::TextOnly));
    assert_eq!(binary(vec![answered(""), line(Shape::Line, 3, |_| String::new())]), Some(Binary::Fatal));
    assert_eq!(binary(vec![answered("")]), None);
    let silent = |n| line(Shape::Line, n, |_| String::new());
    assert_eq!(binary(vec![silent(2), answered(""), silent(3)]), None, "it had fallen silent before");
}

#[test]
fn bulk_is_intact_broken_or_still_on_its_way() {
    let newline = |t: &str| format!("{t}\n");
    let sent = format!("{}\n", text(7)).repeat(100);
    let bulk = |received: &str, close| Probe { close, patience_ms: 1000, ..probe(Shape::Bulk, &[&sent], received) };
    let of = |probes: &[Probe]| value(&learned([&[two_lines(1, newline), chunk(3, "")], probes].concat()).bulk);
    let bytes = sent.len() as u64;
    let broken = |at| Some(Bulk { whole: None, broken: Some((bytes, Comparison::Truncated { at })) });
    assert_eq!(of(&[bulk(&sent, Close::Fin)]), Some(Bulk { whole: Some(bytes), broken: None }));
    assert_eq!(of(&[bulk(&sent[..1000], Close::Fin)]), broken(1000));
    assert_eq!(of(&[bulk(&sent[..1000], Close::Open)]), broken(1000), "silent long before the end");
    let dripping = Probe { last_byte_ms: Some(4990.0), ..bulk(&sent[..1000], Close::Open) };
    assert_eq!(of(std::slice::from_ref(&dripping)), None);
    let ended_by_us = Probe { half_closed: true, close: Close::Fin, ..dripping };
    assert_eq!(of(&[ended_by_us]), None, "netdiag had lost its patience");
    let hasty = Probe { patience_ms: 150, ..bulk("", Close::Open) };
    assert_eq!(of(&[hasty]), None);
    let much = sent.repeat(2);
    let choked = probe(Shape::Bulk, &[&much], &sent[..900]);
    let expected = Bulk { whole: Some(bytes), broken: Some((2 * bytes, Comparison::Truncated { at: 900 })) };
    assert_eq!(of(&[bulk(&sent, Close::Fin), choked]), Some(expected));
}

#[test]
fn hasty_joined_and_split_lines_are_each_judged_by_what_was_owed() {
    let newline = |t: &str| format!("{t}\n");
    let two = format!("{}\n{}\n", text(4), text(5));
    let (half, rest) = two[..two.len() / 2].split_at(9);
    let base = || vec![two_lines(1, newline), chunk(3, "")];
    let good = learned(
        [
            base(),
            vec![
                probe(Shape::JoinedLines, &[&two], &two),
                probe(Shape::SplitLine, &[half, rest], &two[..two.len() / 2]),
                line(Shape::LineHalfClose, 6, newline),
                probe(Shape::ChunkHalfClose, &[&text(7)], ""),
            ],
        ]
        .concat(),
    );
    assert_eq!((value(&good.answers_joined), value(&good.answers_split)), (Some(true), Some(true)));
    assert_eq!((value(&good.answers_half_close), value(&good.answers_partial_at_eof)), (Some(true), Some(false)));
    let bad = learned(
        [
            base(),
            vec![
                probe(Shape::JoinedLines, &[&two], &two[..two.len() / 2]),
                probe(Shape::SplitLine, &[half, rest], half),
                line(Shape::LineHalfClose, 6, |_| String::new()),
            ],
        ]
        .concat(),
    );
    assert_eq!((value(&bad.answers_joined), value(&bad.answers_split)), (Some(false), Some(false)));
    assert_eq!(value(&bad.answers_half_close), Some(false));
}

#[test]
fn datagrams_show_their_largest_size() {
    let datagram = |size: usize, back: usize| {
        let sent = text(1).repeat(400);
        let udp = probe(Shape::Datagram, &[&sent[..size]], &sent[..back]);
        Probe { transport: Transport::Udp, close: Close::None, half_closed: false, ..udp }
    };
    let dialect = learned(vec![datagram(26, 26), datagram(26, 26), datagram(1024, 1024), datagram(4096, 1024)]);
    assert_eq!(value(&dialect.framing), Some(Framing::Datagram));
    assert_eq!(value(&dialect.reply), Some(Reply::Exact));
    let expected = Datagrams { whole: 1024, cut: Some((4096, 1024)), unanswered: None };
    assert_eq!(value(&dialect.datagrams), Some(expected));
    assert_eq!((dialect.lifetime, dialect.blocks), (None, None));
}

#[test]
fn the_terms_of_a_dialect_weigh_other_streams() {
    let answer = |t: &str| format!("> {t}");
    let dialect = learned(vec![two_lines(1, answer), chunk(3, &answer(&text(3)))]);
    let terms = dialect.terms().unwrap();
    assert_eq!(weigh(&terms, b"hello\n", false, b"> hello"), Comparison::Exact);
    assert_eq!(weigh(&terms, b"hello\n", false, b"hello\n"), Comparison::Differs { at: 0 });
}

#[test]
fn a_server_asked_by_its_own_client_alone_shows_what_the_end_of_the_stream_made_it_say() {
    let farewell =
        |sent, received| Probe { before_half_close: 0, patience_ms: 800, ..probe(Shape::OwnClient, &[sent], received) };
    let refused = || Probe { reach: Reach::Refused, sent: Vec::new(), ..chunk(3, "") };
    let asked = |sent, received| learned(vec![farewell(sent, received), refused()]);
    assert_eq!(value(&asked("hello\n", "").answers), Some(false));
    assert_eq!(value(&asked("hello", "").answers), None, "it may have waited for the line's end");
    let late = asked("hello there\n", "hello there\n");
    assert_eq!((value(&late.answers), value(&late.framing)), (Some(true), Some(Framing::UntilEof)));
}

#[test]
fn a_connection_that_was_never_served_asked_nothing() {
    let lost = || Probe { close: Close::Reset, half_closed: false, ..line(Shape::Line, 1, |_| String::new()) };
    assert_eq!(value(&learned(vec![lost()]).answers), None);
    assert_eq!(value(&learned(vec![lost(), line(Shape::Line, 2, |_| String::new())]).answers), Some(false));
}
