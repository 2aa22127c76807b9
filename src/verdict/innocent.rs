//! Pairs that do nothing wrong, in every dialect and manner that can be thought of, seen in full or in part: whatever
//! happens, none of them is accused.

use proptest::prelude::*;

use crate::diagnosis::Side;
use crate::evidence::{Ending, Framing, How, Lifetime, Limit, Reply, Role, Term};
use crate::facts::dialect::{Comparison, Terms, expected, weigh};
use crate::facts::staged::{self, Stage, Talk, dial, pair, talk};

/// What passes between an innocent client and an innocent server.
#[derive(Debug, Clone)]
struct Story {
    framing: Framing,
    reply: Reply,
    messages: Vec<String>,
    /// Into how many pieces each message and each reply is cut.
    pieces: usize,
    /// Milliseconds the server takes for each reply, and the client between its messages.
    pauses: (f64, f64),
    closing: Closing,
    told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Closing {
    ClientFirst,
    ServerFirst,
    /// The client shuts down its side with its last message, and reads the rest.
    HalfClose,
    /// The client resets when it has everything.
    Reset,
}

/// One thing that happens, later than the one before.
#[derive(Debug, Clone)]
enum Step {
    Pause(f64),
    Asks(String),
    Answers(String),
    Closes(Role),
    Resets,
}

impl Story {
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let last = self.messages.len() - 1;
        let half_closes = self.closing == Closing::HalfClose || self.framing == Framing::UntilEof;
        for (index, message) in self.messages.iter().enumerate() {
            steps.push(Step::Pause(self.pauses.1));
            steps.extend(cut(message, self.pieces).map(Step::Asks));
            if half_closes && index == last {
                steps.push(Step::Closes(Role::Client));
            }
            steps.push(Step::Pause(self.pauses.0));
            let answered = String::from_utf8(expected(&self.reply, self.framing, message.as_bytes())).unwrap();
            steps.extend(cut(&answered, self.pieces).map(Step::Answers));
        }
        match self.closing {
            _ if half_closes => steps.push(Step::Closes(Role::Server)),
            Closing::ClientFirst | Closing::HalfClose => {
                steps.extend([Step::Closes(Role::Client), Step::Closes(Role::Server)]);
            }
            Closing::ServerFirst => steps.extend([Step::Closes(Role::Server), Step::Closes(Role::Client)]),
            Closing::Reset => steps.push(Step::Resets),
        }
        steps
    }

    /// Whether the server owes something when these steps were taken: a reply, or the end to a client that has closed.
    fn servers_turn(&self, steps: &[Step]) -> bool {
        let (mut asked, mut answered, mut half_closed) = (String::new(), String::new(), false);
        for step in steps {
            match step {
                Step::Asks(text) => asked += text,
                Step::Answers(text) => answered += text,
                Step::Closes(_) => half_closed = true,
                Step::Pause(_) | Step::Resets => {}
            }
        }
        let terms = Terms::new(self.framing, self.reply.clone());
        let answer = weigh(&terms, asked.as_bytes(), half_closed, answered.as_bytes());
        half_closed || matches!(answer, Comparison::Nothing | Comparison::Truncated { .. })
    }

    /// A pair that has told its contract or not, before anything has happened.
    fn stage(&self) -> Stage {
        let told = |stage: Stage| {
            stage.contract(|terms| {
                terms.framing = Some(Term::told(self.framing));
                terms.reply = Some(Term::told(self.reply.clone()));
                terms.lifetime = Some(Term::told(Lifetime::Session));
            })
        };
        if self.told { told(pair()) } else { pair().untold() }
    }
}

fn cut(text: &str, pieces: usize) -> impl Iterator<Item = String> {
    let length = text.len().div_ceil(pieces).max(1);
    text.as_bytes().chunks(length).map(|piece| String::from_utf8_lossy(piece).into_owned())
}

fn play(talk: Talk, steps: &[Step]) -> Talk {
    steps.iter().fold(talk, |talk, step| match step {
        Step::Pause(ms) => talk.after(*ms),
        Step::Asks(text) => talk.asks(text),
        Step::Answers(text) => talk.answers(text),
        Step::Closes(role) => talk.closes(*role),
        Step::Resets => talk.resets(Role::Client),
    })
}

/// When everything had happened.
fn end_of(talk: &Talk) -> f64 {
    talk.conversation.segments.last().map_or(50.0, |segment| segment.at.ms()) + 10.0
}

fn ended(stage: Stage, talk: Talk) -> Stage {
    let end = end_of(&talk);
    stage.talk(talk).exits(Role::Client, end, How::Code(0)).frozen(end + 5.0)
}

fn is_accused(stage: &Stage) -> bool {
    matches!(stage.verdict().side, Side::Client | Side::Server | Side::Both | Side::Environment)
}

fn stories() -> impl Strategy<Value = Story> {
    let framing = prop_oneof![Just(Framing::Line), Just(Framing::Raw), Just(Framing::UntilEof)];
    let reply = prop_oneof![
        Just(Reply::Exact),
        Just(Reply::Uppercase),
        Just(Reply::Prefix("Echo : ".into())),
        Just(Reply::Suffix(" (echo)".into())),
    ];
    let closing = prop_oneof![
        Just(Closing::ClientFirst),
        Just(Closing::ServerFirst),
        Just(Closing::HalfClose),
        Just(Closing::Reset),
    ];
    let messages = prop::collection::vec("[a-z]{2,8}( [a-z]{1,5})?\r?\n", 1..4);
    let pauses = (prop_oneof![Just(0.0), Just(3.0), Just(120.0), Just(1500.0)], prop_oneof![Just(0.0), Just(1500.0)]);
    (framing, reply, messages, 1_usize..4, pauses, closing, any::<bool>()).prop_map(
        |(framing, reply, mut messages, pieces, pauses, closing, told)| {
            match framing {
                Framing::UntilEof => messages.truncate(1),
                Framing::Raw => messages.iter_mut().for_each(|message| message.truncate(message.trim_end().len())),
                Framing::Line | Framing::Datagram => {}
            }
            Story { framing, reply, messages, pieces, pauses, closing, told }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_whole_story_with_a_told_contract_is_absolved(story in stories()) {
        let story = Story { told: true, ..story };
        let verdict = ended(story.stage(), play(talk(40001), &story.steps())).verdict();
        prop_assert_eq!(verdict.side, Side::None, "{:?}", verdict);
    }

    #[test]
    fn a_whole_story_accuses_nobody_whatever_was_not_seen(
        story in stories(),
        unseen in prop::sample::subsequence(vec!["packets", "sockets", "programs", "exceptions"], 0..4),
        dropped in 0_u64..2,
    ) {
        let stage = ended(story.stage(), play(talk(40001), &story.steps())).packets(|packets| packets.dropped = dropped);
        let stage = unseen.into_iter().fold(stage, Stage::unseen);
        prop_assert!(!is_accused(&stage), "{:?}", stage.verdict());
    }

    #[test]
    fn a_story_that_was_interrupted_accuses_nobody(story in stories(), until in 0_usize..24, waits in any::<bool>()) {
        let steps = story.steps();
        let told = play(talk(40001), &steps[..until.min(steps.len())]);
        let end = end_of(&told);
        let limit = if waits { Limit::Forever } else { Limit::Timed };
        let stage = story.stage().talk(told.open()).ends(Ending::Interrupted).frozen(end);
        let stage = stage.waits(Role::Client, "recvfrom", limit).waits(Role::Server, "epoll_wait", limit);
        prop_assert!(!is_accused(&stage), "{:?}", stage.verdict());
    }

    #[test]
    fn a_capture_file_that_breaks_off_accuses_nobody(story in stories(), until in 0_usize..24) {
        let steps = story.steps();
        let told = play(talk(40001), &steps[..until.min(steps.len())]);
        let mut stage = story.stage().talk(told).ends(Ending::CutShort);
        stage.0.programs = crate::evidence::Observed::NotObserved(staged::gap("programs"));
        stage.0.sockets = crate::evidence::Observed::NotObserved(staged::gap("sockets"));
        prop_assert!(!is_accused(&stage), "{:?}", stage.verdict());
    }

    #[test]
    fn several_clients_that_do_well_are_absolved_together(all in prop::collection::vec(stories(), 2..5), late in 0.0..300.0) {
        let first = Story { told: true, ..all[0].clone() };
        let mut stage = first.stage();
        let mut end: f64 = 0.0;
        for (index, story) in all.iter().enumerate() {
            let messages = first.messages.iter().map(|message| format!("client{index}{message}")).collect();
            let Story { pieces, pauses, closing, .. } = *story;
            let story = Story { messages, pieces, pauses, closing, ..first.clone() };
            let began = talk(40001 + index as u16).after(late * index as f64);
            let talk = play(began, &story.steps());
            end = end.max(end_of(&talk));
            stage = stage.talk(talk);
        }
        let stage = stage.exits(Role::Client, end, How::Code(0)).frozen(end + 5.0);
        prop_assert_eq!(stage.verdict().side, Side::None, "{:?}", stage.verdict());
    }

    #[test]
    fn errands_and_knocks_beside_a_whole_story_change_nothing(story in stories(), port in 1_u16.., at in 10.0..200.0) {
        prop_assume!(port != 12345);
        let story = Story { told: true, ..story };
        let errand = dial(40100, &format!("127.0.0.1:{port}")).syn(at).refused(at + 0.05);
        let knock = talk(40101).closes(Role::Client).closes(Role::Server);
        let stage = ended(story.stage(), play(talk(40001), &story.steps())).talk(errand).talk(knock);
        prop_assert_eq!(stage.verdict().side, Side::None, "{:?}", stage.verdict());
    }

    #[test]
    fn of_two_that_wait_for_each_other_only_the_one_whose_turn_it_is_may_be_accused(
        story in stories(), until in 0_usize..24,
    ) {
        // The beginning of a reply with an unknown suffix is the whole of an exact one.
        let told = story.told || matches!(story.reply, Reply::Suffix(_));
        let story = Story { told, ..story };
        let steps = story.steps();
        let open = steps.iter().position(|step| matches!(step, Step::Resets | Step::Closes(Role::Server)));
        let steps = &steps[..until.min(open.unwrap_or(steps.len()))];
        let stage = story.stage().talk(play(talk(40001), steps).open()).hangs().frozen(30_000.0);
        let side = stage.verdict().side;
        let innocent = if story.servers_turn(steps) { Side::Client } else { Side::Server };
        prop_assert!(side != innocent && side != Side::Both, "{:?}", stage.verdict());
    }
}
