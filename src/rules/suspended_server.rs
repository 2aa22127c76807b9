//! `suspended-server`: a program was stopped by a signal; whatever it leaves undone is not its doing.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "suspended-server",
    explains: &[
        "never-accepts",
        "unread-request",
        "missing-reply",
        "one-at-a-time",
        "client-gives-up-early",
        "silent-client",
        "slow-reply",
        "missing-terminator",
        "unterminated-reply",
        "truncated-reply",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.all_went_well() {
        return Ok(Call::Silent);
    }
    for role in [Role::Server, Role::Client] {
        for player in facts.players(role)? {
            if player.is_running() && player.is_stopped() {
                return finding(
                    &RULE,
                    Side::Environment,
                    Confidence::Proven,
                    format!("The {role} is stopped (process state T): a signal suspended it, and it cannot do anything."),
                )
                .because([player.reference()])
                .fix(format!("Let it go on: `fg` in its terminal, or `kill -CONT {}`.", player.program.pid))
                .fires();
            }
        }
    }
    Ok(Call::Silent)
}
