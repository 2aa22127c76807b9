//! WHO DID WHAT WRONG: one rule per file, one table.
//!
//! A rule sees [`Facts`] and nothing else, never another rule, and never which fault was staged. It fires, stays silent,
//! excludes itself with a reason, or cannot tell because of a gap.

use crate::diagnosis::{Confidence, Finding, Part, Side};
use crate::evidence::{Frame, Gap, Role, Transport};
use crate::facts::failure::Failure;
use crate::facts::{Facts, Look, Symptom};

/// A rule's answer; `Err` is the third one: it cannot tell, because of this gap.
pub type Ruling = Result<Call, Gap>;

/// What a rule that could look says.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// The fault is there.
    Fires(Box<Finding>),
    /// Nothing resembles the fault.
    Silent,
    /// The symptom resembles the fault, and this, seen in the evidence, excludes it.
    RuledOut(String),
}

/// One row of the table.
#[derive(Debug)]
pub struct Rule {
    /// The fault's one name.
    pub name: &'static str,
    /// What somebody who has this fault sees first.
    pub symptoms: &'static [Symptom],
    /// Who has to change something, the most frequent first.
    pub sides: &'static [Side],
    /// What shows this fault and none that looks like it: a noun phrase, for whoever has to look next.
    pub shown_by: &'static str,
    /// Where somebody must have looked before its silence means anything.
    pub seen_in: &'static [Look],
    /// The only transport over which there is such a fault, if there is only one.
    pub over: Option<Transport>,
    /// Faults that are nothing but consequences when this one is found too.
    pub explains: &'static [&'static str],
    /// The rule itself.
    pub check: fn(&Facts) -> Ruling,
}

impl Rule {
    /// What keeps this rule's silence from meaning that the fault is not there; `None` when everything was looked at.
    #[must_use]
    pub fn unseen(&self, facts: &Facts) -> Option<Gap> {
        if self.seen_in.contains(&Look::Failures) && facts.everybody_got_through() {
            return None;
        }
        self.seen_in.iter().find_map(|look| facts.looked(*look).err())
    }

    /// Whether there is such a fault over what the pair speaks, as far as that is known.
    #[must_use]
    pub fn fits_transport(&self, facts: &Facts) -> bool {
        self.over.is_none_or(|only| facts.seen_transport().is_none_or(|spoken| spoken == only))
    }
}

/// What is seen when a server dies while it serves, for whatever kills it.
const A_CRASH: &[&str] = &[
    "server-crashed",
    "early-close",
    "reset",
    "truncated-reply",
    "half-close-dropped",
    "connection-refused",
    "missing-reply",
    "client-gives-up-early",
    "client-failed",
];

/// The same, but for the crash itself.
const AFTER_A_CRASH: &[&str] = A_CRASH.split_at(1).1;

macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*
        /// Every rule, in the order in which a server and a client meet: reaching, serving, replying, closing, ending.
        pub static RULES: &[&Rule] = &[$(&$module::RULE),*];
    };
}

rules![
    no_server,
    loopback_down,
    server_died,
    never_listens,
    port_in_use,
    time_wait_without_reuseaddr,
    wrong_port,
    port_byte_order,
    server_wrong_port,
    address_mismatch,
    two_listeners_reuseport,
    transport_mismatch,
    contract_disagreement,
    client_before_server,
    tcp_self_connect,
    ephemeral_port_exhaustion,
    connection_refused,
    firewall_reject,
    dropped_packets,
    suspended_server,
    never_accepts,
    eof_busy_loop,
    writable_busy_loop,
    close_wait_leak,
    leak_per_client,
    accept_fails_emfile,
    accept_loop_ended,
    shared_state_crosstalk,
    client_threads_share_socket,
    fork_keeps_descriptor,
    connection_abandoned,
    coroutine_never_awaited,
    worker_pool_exhausted,
    listener_inherited_by_child,
    backlog_full,
    one_at_a_time,
    write_write_deadlock,
    receiver_stops_reading,
    blocked_loop,
    unread_request,
    silent_client,
    udp_no_timeout,
    udp_too_large,
    tls_to_plain_port,
    missing_terminator,
    server_waits_for_full_buffer,
    length_prefix_byte_order,
    struct_padding,
    crlf_versus_lf,
    read_to_eof_without_half_close,
    swallowed_exception,
    utf8_split_across_reads,
    line_longer_than_limit,
    missing_reply,
    udp_reply_from_other_source,
    udp_reply_to_wrong_peer,
    slow_reply,
    unterminated_reply,
    server_one_recv_per_message,
    reply_not_flushed,
    short_write_ignored,
    truncated_reply,
    udp_truncated_by_buffer,
    corrupted_reply,
    unterminated_c_string,
    whole_buffer_echo,
    binary_through_text,
    half_close_dropped,
    exit_before_output,
    one_reply_versus_session,
    client_gives_up_early,
    client_one_recv_per_message,
    small_receive_buffer_desync,
    udp_late_reply_taken_for_next,
    early_close,
    server_closes_with_unread_data,
    reset,
    nagle_delayed_ack,
    killed_by_sigpipe,
    would_block_treated_as_error,
    closed_socket_in_select,
    select_above_1024,
    unhandled_socket_error,
    client_closes_with_unread_data,
    server_crashed,
    udp_error_kills_server,
    shutdown_hangs,
    client_failed,
];

/// The rule called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.name == name)
}

/// Starts a finding; the side and statement are the rule's own, the rest is added with the methods below.
fn finding(rule: &Rule, side: Side, confidence: Confidence, statement: impl Into<String>) -> Finding {
    Finding {
        fault: rule.name.to_owned(),
        side,
        role: Part::Cause,
        confidence,
        statement: statement.into(),
        evidence: Vec::new(),
        location: None,
        location_of: None,
        fix: String::new(),
    }
}

impl Finding {
    fn because(mut self, references: impl IntoIterator<Item = String>) -> Self {
        for reference in references {
            if !self.evidence.contains(&reference) {
                self.evidence.push(reference);
            }
        }
        self
    }

    fn at(mut self, line: Option<(Frame, Role)>) -> Self {
        if let Some((frame, role)) = line {
            self.location = Some(frame);
            self.location_of = Some(role);
        }
        self
    }

    /// What failed in the program before, and its line, which is better than any other.
    fn after(mut self, failure: Option<Failure>) -> Self {
        let Some(failure) = failure else { return self };
        self.statement.push_str(&failure.sentence);
        self.because(failure.evidence).at(failure.line)
    }

    /// A fault of its own that does not explain the failure, if `contributing`.
    fn contributing(mut self, contributing: bool) -> Self {
        if contributing {
            self.role = Part::Contributing;
        }
        self
    }

    fn fix(mut self, instruction: impl Into<String>) -> Self {
        self.fix = instruction.into();
        self
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends a rule, whose other answer is a gap")]
    fn fires(self) -> Ruling {
        Ok(Call::Fires(Box::new(self)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends a rule, whose other answer is a gap")]
fn ruled_out(because: impl Into<String>) -> Ruling {
    Ok(Call::RuledOut(because.into()))
}
