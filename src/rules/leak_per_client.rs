//! `leak-per-client`: what the server holds grows with every client, although all of them have left.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::{Facts, Growth, Kept};

pub(super) static RULE: Rule = Rule {
    name: "leak-per-client",
    symptoms: &[Symptom::WorksOnce],
    sides: &[Side::Server],
    shown_by: "the server's open files, threads and ended children before and after some clients, and after as many more",
    seen_in: &[Look::Waits],
    over: None,
    explains: &["accept-fails-emfile"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(Growth { what, more, clients, evidence }) = facts.grows_with_each_client() else { return Ok(Call::Silent) };
    let (kept, fix) = match what {
        Kept::Descriptors => (
            "descriptors open",
            "Close whatever is opened for a client on every way out of its handler (`with`, `finally`, `defer`, RAII); \
             `ls -l /proc/PID/fd` shows what it is.",
        ),
        Kept::Zombies => (
            "ended children that nobody has waited for",
            "Wait for each child: `waitpid(-1, &status, WNOHANG)` until it returns 0, on SIGCHLD or before each accept; or \
             ignore SIGCHLD.",
        ),
        Kept::Threads => (
            "threads",
            "If these are the workers of a pool that fills up, nothing is wrong; else let the thread of a client end with it.",
        ),
    };
    let statement = format!("After {clients} clients, all gone again, the server has {more} more {kept}.");
    finding(&RULE, Side::Server, Confidence::Likely, statement)
        .because(evidence)
        // A pool makes a thread for each client too, until it is full. And a pair that has met has not been harmed yet.
        .contributing(what == Kept::Threads || !facts.is_alone())
        .fix(fix)
        .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{Limit, Occasion, Probe, Role, Sample, Shape};
    use crate::facts::staged::{Stage, ms, pair, probe, process, talk};

    const NAME: &str = "leak-per-client";

    /// A server by itself that has answered two series of twenty, with its descriptors and threads at the looks before,
    /// between and after.
    fn endured(held: [(u32, usize); 3]) -> Stage {
        let one = |group: u32, n: u32| Probe {
            shape: Shape::Series,
            at: ms(f64::from(group * 1000 + n * 10)),
            group,
            ..probe("hello\n", "hello\n")
        };
        let plain = Probe { close: crate::evidence::Close::Fin, ..probe("netdiag\n", "netdiag\n") };
        let series = (1..=2).flat_map(|group| (0..20).map(move |n| one(group, n)));
        let mut stage = pair().client_gone().probed(std::iter::once(plain).chain(series).collect()).frozen(3000.0);
        stage.0.setting.occasion = Occasion::LiveServer;
        looked_at(stage, held)
    }

    fn looked_at(mut stage: Stage, held: [(u32, usize); 3]) -> Stage {
        let looks = held.iter().zip([900.0, 1900.0, 2900.0]).map(|((descriptors, threads), at)| {
            let mut server = process(0, "accept4", Limit::Forever);
            server.descriptors = Some(*descriptors);
            server.threads = vec![server.threads[0].clone(); *threads];
            Sample { at: ms(at), processes: vec![server] }
        });
        stage.programs().samples = looks.collect();
        stage
    }

    #[test]
    fn a_server_that_was_examined_for_longer_keeps_a_file_for_each_client() {
        let stage = endured([(5, 1), (25, 1), (45, 1)]);
        let found = stage.fires(NAME);
        assert_eq!((found.side, found.confidence, found.role), (Side::Server, Confidence::Likely, Part::Cause));
        assert!(found.statement.contains("After 40 clients") && found.statement.contains("40 more descriptors"), "{found:?}");
        assert!(found.evidence.contains(&"programs:held/2".to_owned()), "{:?}", found.evidence);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn workers_that_are_kept_for_the_next_client_accuse_nobody() {
        let stage = endured([(5, 1), (25, 21), (45, 41)]);
        assert_eq!(stage.fires(NAME).role, Part::Contributing);
        assert_ne!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn what_is_let_go_or_kept_once_is_no_leak() {
        for held in [[(5, 1), (25, 1), (25, 1)], [(5, 1), (5, 1), (25, 1)], [(5, 1), (6, 1), (7, 1)], [(45, 1), (25, 1), (5, 1)]] {
            endured(held).silent(NAME);
        }
    }

    #[test]
    fn a_pair_that_has_met_is_told_of_it_and_nobody_is_at_fault() {
        let visit = |n: u16, at: f64| {
            let mut visit = talk(40_001 + n).at(at).echoes("hello\n").closes(Role::Client).closes(Role::Server);
            visit.conversation.began = ms(at);
            visit
        };
        let at = |n: u16| f64::from(n / 10) * 1000.0 + f64::from(n % 10) * 5.0;
        let met = (0..20).fold(pair().frozen(3000.0), |stage, n| stage.talk(visit(n, 1000.0 + at(n))));
        let stage = looked_at(met, [(5, 1), (15, 1), (25, 1)]);
        assert_eq!(stage.fires(NAME).role, Part::Contributing);
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn cannot_be_told_without_a_look_at_the_server() {
        endured([(5, 1), (25, 1), (45, 1)]).unseen("programs").silent(NAME);
        let mut unknown = endured([(5, 1), (25, 1), (45, 1)]);
        unknown.programs().samples[1].processes[0].descriptors = None;
        unknown.silent(NAME);
    }
}
