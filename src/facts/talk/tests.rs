//! Conversations joined with the sockets at both ends.

use super::*;
use crate::evidence::TcpInfo;
use crate::facts::staged::{self, SERVER, Stage, addr, datagrams, dial, ms, pair, talk};

fn only(stage: &Stage) -> Talk<'_> {
    let facts = stage.facts();
    let [talk] = facts.talks().unwrap() else { panic!("{:?}", facts.talks()) };
    talk.clone()
}

#[test]
fn whoever_holds_the_servers_end_has_accepted() {
    let accepted = |talk: staged::Talk| only(&pair().talk(talk).hangs()).was_accepted();
    assert_eq!(accepted(talk(40001).open()), Some(true));
    assert_eq!(accepted(talk(40001).unaccepted()), Some(false));
    assert_eq!(accepted(talk(40001).closes(Role::Client).unaccepted()), Some(false));
    assert_eq!(accepted(talk(40001)), None, "no socket was seen");
    assert_eq!(accepted(talk(40001).echoes("hi\n")), Some(true), "who answers has accepted");
}

#[test]
fn a_connection_that_is_over_tells_nothing_of_its_acceptance() {
    let ended = talk(40001).closes(Role::Server).closes(Role::Client).open();
    let gone = ended.end(Role::Server, |row| (row.state, row.inode) = (SocketState::TimeWait, 0));
    assert_eq!(only(&pair().talk(gone)).was_accepted(), None);
}

#[test]
fn where_a_system_tells_no_inodes_only_a_named_holder_counts() {
    let mut held = pair().talk(talk(40001).open()).hangs();
    let mut queued = pair().talk(talk(40001).unaccepted()).hangs();
    for stage in [&mut held, &mut queued] {
        let Observed::Seen(sockets) = &mut stage.0.sockets else { unreachable!("pair() has sockets") };
        sockets.has_queues = false;
    }
    assert_eq!(only(&held).was_accepted(), Some(true));
    assert_eq!(only(&queued).was_accepted(), None);
}

#[test]
fn what_lies_in_the_servers_queue_was_not_read() {
    let read = |stage: Stage| only(&stage).was_read();
    assert_eq!(read(pair().talk(talk(40001).asks("hello\n").unread()).hangs()), Some(false));
    assert_eq!(read(pair().talk(talk(40001).asks("hello\n").open()).hangs()), Some(true));
    assert_eq!(read(pair().talk(talk(40001).asks("hello\n"))), None);
    assert_eq!(read(pair().udp().talk(datagrams(40001).asks("hello").unread()).hangs()), Some(false));
}

#[test]
fn only_the_table_at_the_freeze_counts() {
    let mut stage = pair().talk(talk(40001).asks("hello\n").unread()).hangs();
    let mut later = stage.snapshots()[1].clone();
    later.at = ms(500.0);
    later.sockets.clear();
    let Observed::Seen(sockets) = &mut stage.0.sockets else { unreachable!("pair() has sockets") };
    sockets.snapshots.push(later);
    assert_eq!(only(&stage).was_read(), Some(false));
}

#[test]
fn a_connection_is_open_until_both_directions_are_over() {
    let open = |talk: staged::Talk| only(&pair().talk(talk).hangs()).is_open();
    assert!(open(talk(40001).open()));
    assert!(open(talk(40001).closes(Role::Client).open()));
    assert!(!open(talk(40001).closes(Role::Client).closes(Role::Server).open()));
    assert!(open(talk(40001)), "no socket was seen, and no end either");
    assert!(!open(talk(40001).resets(Role::Server)));
}

#[test]
fn the_first_of_fin_and_rst_ends_a_direction() {
    let stage = pair().talk(talk(40001).closes(Role::Server).after(4.0).resets(Role::Server));
    let talk = only(&stage);
    assert_eq!(talk.ended_by(Role::Server), talk.fin(Role::Server));
    assert!(talk.rst(Role::Server) > talk.fin(Role::Server));
    assert_eq!(talk.ended_by(Role::Client), None);
    assert_eq!(talk.closing_references(Role::Server), ["packets:4"]);
}

#[test]
fn the_slowest_reply_is_counted_from_the_end_of_its_request() {
    let slow = talk(40001).echoes("one\n").after(500.0).asks("tw").after(9.0).asks("o\n").after(30.0).answers("two\n");
    let ms = only(&pair().talk(slow)).slowest_reply_ms().unwrap();
    assert!((30.0..31.0).contains(&ms), "{ms}");
    assert_eq!(only(&pair().talk(talk(40001).asks("one\n"))).slowest_reply_ms(), None);
}

#[test]
fn a_client_holds_up_its_server_when_it_leaves_unread_what_came() {
    let full = talk(40001).echoes("one\n").open().end(Role::Server, |row| row.send_queue = Some(9));
    let unread = full.clone().end(Role::Client, |row| row.recv_queue = Some(9));
    assert!(only(&pair().talk(unread)).client_holds_up());
    assert!(!only(&pair().talk(full)).client_holds_up(), "the last bytes may be on their way");
    let mut shut = talk(40001).echoes("one\n");
    shut.conversation.sent.zero_window = Some(ms(60.0));
    assert!(only(&pair().talk(shut)).client_holds_up());
}

#[test]
fn without_packets_the_kernels_counts_stand_in() {
    let stage = pair().talk(talk(40001).asks("hello\n").open()).hangs().unseen("packets");
    let talk = only(&stage);
    assert_eq!((talk.asked_bytes(), talk.replied_bytes()), (Some(6), Some(0)));
    assert_eq!(talk.conversation().unwrap_err().source, "packets");
    assert_eq!((talk.client, talk.server), (addr("127.0.0.1:40001"), addr(SERVER)));
    assert!(pair().unseen("packets").unseen("sockets").facts().talks().is_err());
}

#[test]
fn without_packets_the_last_byte_is_as_old_as_the_kernel_says() {
    let recent = TcpInfo { bytes_received: 6, last_data_recv_ms: 30, ..TcpInfo::default() };
    let talk = talk(40001).asks("hello\n").open().end(Role::Server, |row| row.info = Some(recent));
    let stage = pair().talk(talk).deadline().unseen("packets");
    assert_eq!(only(&stage).last_heard(ms(10_040.0)), ms(10_010.0));
}

#[test]
fn what_never_got_through_is_no_conversation() {
    let stage = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1)).talk(dial(40002, SERVER).syn(50.0));
    assert!(stage.facts().talks().unwrap().is_empty());
    let udp = pair().udp().talk(datagrams(40001).asks("hello")).unreachable(50.2, 40001, SERVER);
    assert!(udp.facts().talks().unwrap().is_empty());
}

#[test]
fn conversations_with_others_are_not_the_pairs() {
    let backend = dial(40002, "127.0.0.1:5432").connected(60.0).asks("select 1").answers("1");
    let stage = pair().talk(talk(40001).healthy()).talk(backend.clone());
    assert_eq!(stage.facts().talks().unwrap().len(), 1);
    let metrics_too = stage.row(staged::listener("127.0.0.1:5432"));
    assert_eq!(metrics_too.facts().talks().unwrap().len(), 1, "the documented port is what counts");
    let undocumented = pair().contract(|terms| terms.address = None).talk(talk(40001).healthy()).talk(backend);
    assert_eq!(undocumented.facts().talks().unwrap().len(), 1, "only the server's own sockets count");
}

#[test]
fn a_pair_that_meets_at_another_port_than_the_documented_one_still_talks() {
    let stage = pair().listens("127.0.0.1:12346").talk(dial(40001, "127.0.0.1:12346").connected(50.0).healthy());
    assert_eq!(stage.facts().talks().unwrap().len(), 1);
}
