//! `select-above-1024`: select(2) cannot watch descriptors from 1024 on, and the server had that many.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{How, Role};
use crate::facts::complaint::Complaint;
use crate::facts::{Facts, Player};

pub(super) static RULE: Rule = Rule {
    name: "select-above-1024",
    symptoms: &[Symptom::Dies, Symptom::SomeClients],
    sides: &[Side::Server],
    shown_by: "the error that ended the server: a descriptor from 1024 on",
    seen_in: &[Look::Output],
    over: None,
    explains: super::A_CRASH,
    check,
};

/// FD_SETSIZE on every system netdiag runs on.
const MOST: u32 = 1024;
/// What the C library's own check, or the memory that was overwritten, ends a program with.
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    let said = facts.ended_complaining(Role::Server, Complaint::BeyondSelect).map(|(_, words)| words);
    let killed = matches!(server.program.exit.as_ref().map(|exit| exit.how), Some(How::Signal(SIGABRT | SIGSEGV)));
    let most = most_descriptors(facts, &server);
    let crashed = server.failed() && killed && most.is_some_and(|most| most >= MOST);
    if said.is_none() && !crashed {
        return Ok(Call::Silent);
    }
    let words = said.as_ref().map(|words| format!(" It said: {}", words.readable())).unwrap_or_default();
    let many = most.map(|most| format!(" with {most} descriptors open")).unwrap_or_default();
    finding(
        &RULE,
        Side::Server,
        if said.is_some() { Confidence::Proven } else { Confidence::Likely },
        format!("The server ended{many}; select can watch only descriptors below {MOST}.{words}"),
    )
    .because([server.reference()])
    .at(facts.line_of_failure(Role::Server))
    .fix("Use poll, epoll or your language's selectors, which know no such limit; look also for descriptors that are never closed.")
    .fires()
}

/// The most descriptors that a process of the server was seen with.
fn most_descriptors(facts: &Facts, server: &Player) -> Option<u32> {
    let samples = &facts.evidence.programs.seen().ok()?.samples;
    let own = samples.iter().flat_map(|sample| &sample.processes).filter(|process| process.program == server.index);
    own.filter_map(|process| process.descriptors).max()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Observed, Role};
    use crate::facts::staged::{Stage, pair, talk};

    fn ended(how: How, words: &str, descriptors: u32) -> Stage {
        let mut stage = pair().talk(talk(40001).asks("hello\n").closes(Role::Server));
        let Observed::Seen(programs) = &mut stage.0.programs else { unreachable!("it is seen") };
        programs.samples[0].processes[0].descriptors = Some(descriptors);
        let kept = programs.samples[0].clone();
        stage = stage.exits(Role::Server, 80.0, how).complains(Role::Server, words);
        let Observed::Seen(programs) = &mut stage.0.programs else { unreachable!("it is seen") };
        programs.samples.insert(0, kept);
        stage
    }

    #[test]
    fn select_refuses_or_writes_over_its_memory() {
        let said = ended(How::Code(1), "ValueError: filedescriptor out of range in select()\n", 4);
        let found = said.fires("select-above-1024");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(said.verdict().fault.as_deref(), Some("select-above-1024"));
        assert_eq!(ended(How::Signal(6), "", 1025).fires("select-above-1024").confidence, Confidence::Likely);
    }

    #[test]
    fn a_crash_with_few_descriptors_has_another_reason() {
        ended(How::Signal(6), "", 20).silent("select-above-1024");
        ended(How::Code(1), "KeyError: 'x'\n", 1025).silent("select-above-1024");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(ended(How::Signal(6), "", 9).unseen("programs").cannot_tell("select-above-1024"), "programs");
    }
}
