//! `would-block-treated-as-error`: a socket that does not block had nothing to give yet, and the program took that for a
//! failure.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;
use crate::facts::complaint::Complaint;

pub(super) static RULE: Rule = Rule {
    name: "would-block-treated-as-error",
    symptoms: &[Symptom::Dies, Symptom::Lost],
    sides: &[Side::Server, Side::Client],
    shown_by: "the error of the program itself: EAGAIN",
    seen_in: &[Look::Output],
    over: None,
    explains: super::A_CRASH,
    check,
};

fn check(facts: &Facts) -> Ruling {
    for (role, side) in [(Role::Server, Side::Server), (Role::Client, Side::Client)] {
        facts.players(role)?;
        let Some((player, words)) = facts.ended_complaining(role, Complaint::WouldBlock) else { continue };
        if facts.was_seen_reading(&player) {
            return super::ruled_out(format!(
                "the {role} was seen to wait for its answer, so the error says that its own time limit was over"
            ));
        }
        return finding(
            &RULE,
            side,
            Confidence::Proven,
            format!(
                "The {role} uses a socket that does not block, and ended when a call had to wait: {}",
                words.readable()
            ),
        )
        .because([player.reference()])
        .at(facts.line_of_failure(role))
        .fix("EAGAIN says \"not yet\": wait until the socket is ready (select, poll, an event loop) and try again, or let it block.")
        .fires();
    }
    Ok(Call::Silent)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{How, Limit, Role, Sample, Wait};
    use crate::facts::staged::{SERVER, Stage, addr, ms, pair, process, talk};

    const WORDS: &str = "Traceback (most recent call last):\nBlockingIOError: [Errno 11] Resource temporarily unavailable\n";

    fn failed(role: Role, status: i32) -> Stage {
        let talk = talk(40001).asks("hello\n").closes(role).closes(role.partner());
        pair().talk(talk).exits(role, 80.0, How::Code(status)).complains(role, WORDS)
    }

    #[test]
    fn either_side_may_fail_to_wait() {
        let server = failed(Role::Server, 1);
        assert_eq!(server.fires("would-block-treated-as-error").side, Side::Server);
        assert_eq!(server.verdict().fault.as_deref(), Some("would-block-treated-as-error"));
        assert_eq!(failed(Role::Client, 1).fires("would-block-treated-as-error").side, Side::Client);
    }

    #[test]
    fn who_says_so_and_goes_on_has_not_failed() {
        failed(Role::Client, 0).silent("would-block-treated-as-error");
        pair().talk(talk(40001).healthy()).complains(Role::Server, WORDS).silent("would-block-treated-as-error");
    }

    #[test]
    fn a_time_limit_that_is_over_reads_like_a_socket_that_does_not_block() {
        let words = "recv: Resource temporarily unavailable\n";
        let unanswered = talk(40001).asks("hello\n").at(2000.0).closes(Role::Client).closes(Role::Server);
        let mut stage = pair().talk(unanswered).complains(Role::Client, words).frozen(2100.0);
        stage = stage.exits(Role::Client, 2001.0, How::Code(1));
        let mut waiting = process(1, "recvfrom", Limit::Timed);
        let Wait::Call { socket, .. } = &mut waiting.threads[0].wait else { panic!("it waits") };
        *socket = Some((addr("127.0.0.1:40001"), Some(addr(SERVER))));
        stage.programs().samples.insert(0, Sample { at: ms(1000.0), processes: vec![waiting] });
        assert!(stage.excludes("would-block-treated-as-error").contains("time limit"));
        assert_ne!(stage.verdict().side, Side::Client, "the server never answered");
    }

    #[test]
    fn another_error_is_another_fault() {
        let stage = failed(Role::Server, 1).complains(Role::Server, "KeyError: 'hello'\n");
        stage.silent("would-block-treated-as-error");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(failed(Role::Server, 1).unseen("programs").cannot_tell("would-block-treated-as-error"), "programs");
    }
}
