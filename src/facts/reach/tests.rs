//! Which listeners cover which targets, and which attempts were the clients'.

use super::*;
use crate::evidence::{Calls, SocketCall, TcpInfo};
use crate::facts::staged::{self, SERVER, Stage, addr, datagrams, dial, ms, owner, pair, stranger, talk};

fn covers(local: &str, v6only: Option<bool>, target: &str) -> bool {
    let mut stage = pair().listens(local);
    stage.snapshots()[1].sockets[0].v6only = v6only;
    stage.facts().listeners().unwrap()[0].covers(Transport::Tcp, addr(target))
}

#[test]
fn a_listener_covers_its_own_address_and_port() {
    assert!(covers(SERVER, None, SERVER));
    assert!(!covers(SERVER, None, "127.0.0.1:12346"));
    assert!(!covers(SERVER, None, "127.0.0.2:12345"));
    assert!(!covers("[::1]:12345", None, SERVER));
}

#[test]
fn a_wildcard_covers_every_address_of_its_version() {
    assert!(covers("0.0.0.0:12345", None, "127.0.0.2:12345"));
    assert!(!covers("0.0.0.0:12345", None, "[::1]:12345"));
    assert!(covers("[::]:12345", Some(true), "[::1]:12345"));
}

#[test]
fn the_ipv6_wildcard_covers_ipv4_too_unless_it_is_told_not_to() {
    assert!(covers("[::]:12345", Some(false), SERVER));
    assert!(covers("[::]:12345", None, SERVER));
    assert!(!covers("[::]:12345", Some(true), SERVER));
}

#[test]
fn udp_and_tcp_do_not_cover_each_other() {
    let stage = pair().udp();
    let facts = stage.facts();
    let listener = &facts.listeners().unwrap()[0];
    assert!(listener.covers(Transport::Udp, addr(SERVER)) && !listener.covers(Transport::Tcp, addr(SERVER)));
}

#[test]
fn a_listener_is_one_however_often_it_was_seen() {
    let stage = pair();
    let facts = stage.facts();
    let [listener] = facts.listeners().unwrap() else { panic!("one listener") };
    assert_eq!((listener.first_seen, listener.last_seen), (ms(38.0), ms(95.0)));
    assert_eq!((listener.role, listener.reference.as_str()), (Some(Role::Server), "sockets:1/0"));
}

#[test]
fn a_stranger_whose_name_was_looked_up_at_the_end_is_still_one() {
    let mut stage = pair().without_listener().row(stranger(SERVER));
    let nameless = Socket { owners: vec![], ..stranger(SERVER) };
    stage.snapshots()[0].sockets.push(nameless);
    assert_eq!(stage.facts().listeners().unwrap().len(), 1);
    let with_server = pair().row(stranger(SERVER));
    assert_eq!(with_server.facts().listeners().unwrap().len(), 2, "SO_REUSEPORT: two sockets, one address");
}

#[test]
fn what_was_bound_after_the_freeze_is_not_looked_at() {
    let mut stage = pair();
    stage.snapshots()[1].at = ms(96.0);
    stage.snapshots()[1].sockets.push(staged::listener("127.0.0.1:9"));
    assert_eq!(stage.facts().listeners().unwrap().len(), 1);
}

fn outcome(stage: &Stage) -> Outcome {
    stage.facts().dials().unwrap()[0].outcome
}

#[test]
fn an_attempt_is_read_off_the_packets() {
    assert_eq!(outcome(&pair().talk(talk(40001))), Outcome::Established);
    assert_eq!(outcome(&pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1))), Outcome::Refused);
    let mut to_itself = dial(12345, SERVER).syn(50.0);
    to_itself.conversation.self_connect = true;
    assert_eq!(outcome(&pair().talk(to_itself)), Outcome::ToItself);
    let silent = pair().talk(dial(40001, SERVER).syn(50.0).syn(85.0));
    let facts = silent.facts();
    let dial = &facts.dials().unwrap()[0];
    assert_eq!((dial.outcome, dial.repeats, dial.unanswered_ms.round()), (Outcome::Unanswered, 1, 45.0));
}

#[test]
fn icmp_tells_a_closed_port_from_a_rule() {
    let sent = || pair().udp().talk(datagrams(40001).asks("hello"));
    assert_eq!(outcome(&sent()), Outcome::Established);
    assert_eq!(outcome(&sent().unreachable(50.2, 40001, SERVER)), Outcome::Refused);
    assert_eq!(outcome(&sent().prohibited(50.2, 40001, SERVER)), Outcome::Prohibited);
    let answered = pair().udp().talk(datagrams(40001).asks("hello").asks("hello").answers("hello"));
    assert_eq!(outcome(&answered.unreachable(50.2, 40001, SERVER)), Outcome::Established);
}

#[test]
fn another_clients_closed_port_is_not_this_ones() {
    let stage = pair().udp().talk(datagrams(40001).asks("hello")).unreachable(50.2, 40002, SERVER);
    assert_eq!(outcome(&stage), Outcome::Established);
}

fn row(state: SocketState, client: &str, held: bool) -> Socket {
    let owners = if held { vec![owner(Role::Client)] } else { vec![] };
    Socket { local: addr(client), remote: Some(addr(SERVER)), state, owners, ..staged::listener(SERVER) }
}

#[test]
fn without_packets_the_table_shows_who_got_through() {
    let open = pair().unseen("packets").row(row(SocketState::Established, "127.0.0.1:40001", true));
    assert_eq!(outcome(&open), Outcome::Established);
    let over = pair().unseen("packets").row(row(SocketState::TimeWait, "127.0.0.1:40001", false));
    assert_eq!(outcome(&over), Outcome::Established);
    assert!(pair().unseen("packets").facts().dials().is_err());
}

#[test]
fn a_connection_that_is_over_since_before_the_client_was_started_is_somebody_elses() {
    let mut stage = pair().unseen("packets").row(row(SocketState::TimeWait, "127.0.0.1:40001", false));
    let left_over = stage.snapshots()[1].sockets[1].clone();
    stage.snapshots()[0].sockets.push(left_over);
    assert!(stage.facts().dials().is_err());
}

#[test]
fn without_packets_a_syn_that_waits_is_counted_from_when_it_was_first_seen() {
    let mut waiting = row(SocketState::SynSent, "127.0.0.1:40001", true);
    waiting.info = Some(TcpInfo { total_retrans: 2, ..TcpInfo::default() });
    let mut stage = pair().unseen("packets").deadline().row(waiting.clone());
    stage.snapshots()[0].sockets.push(waiting);
    stage.snapshots()[0].at = ms(60.0);
    let facts = stage.facts();
    let dial = &facts.dials().unwrap()[0];
    assert_eq!((dial.outcome, dial.repeats, dial.unanswered_ms.round()), (Outcome::Unanswered, 2, 9980.0));
}

#[test]
fn without_packets_calls_tell_what_became_of_an_attempt() {
    let call = |at, role, result| SocketCall {
        at: ms(at),
        role,
        program: 1,
        pid: 0,
        name: "connect".to_owned(),
        fd: 3,
        address: Some(addr(SERVER)),
        result,
    };
    let with = |calls| {
        let mut stage = pair().unseen("packets");
        stage.0.calls = Observed::Seen(Calls { calls, omitted: 0, crashes: Vec::new() });
        stage
    };
    let refused = with(vec![call(50.0, Role::Client, -111), call(51.0, Role::Server, -111)]);
    assert_eq!(refused.facts().dials().unwrap().len(), 1);
    assert!(refused.facts().refused_dial().unwrap().is_some());
    let again = with(vec![call(50.0, Role::Client, -111), call(60.0, Role::Client, 0)]);
    assert!(again.facts().refused_dial().unwrap().is_none());
}
