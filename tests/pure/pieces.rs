//! Pieces of evidence that can be taken away, as coarse as a source and as fine as what one look at it shows.

use netdiag::evidence::{Contract, Ending, Evidence, Gap, Observed, Sockets};

/// Takes one piece away.
pub type Cover = fn(&mut Evidence);

/// The sources, whole.
pub const SOURCES: [(&str, Cover); 7] = [
    ("packets", |evidence| cover(&mut evidence.packets, "packets")),
    ("sockets", |evidence| cover(&mut evidence.sockets, "sockets")),
    ("programs", |evidence| {
        cover(&mut evidence.programs, "programs");
        nothing_is_proven(evidence);
    }),
    ("exceptions", |evidence| cover(&mut evidence.exceptions, "exceptions")),
    ("calls", |evidence| cover(&mut evidence.calls, "calls")),
    ("tasks", |evidence| cover(&mut evidence.tasks, "tasks")),
    ("probes", |evidence| cover(&mut evidence.probes, "probes")),
];

/// What a source shows in part, and what stands beside the sources.
pub const PARTS: [(&str, Cover); 6] = [
    ("queues", without_queues),
    ("owners of sockets", without_owners),
    ("waits of threads", |evidence| {
        if let Observed::Seen(programs) = &mut evidence.programs {
            programs.samples.clear();
        }
        nothing_is_proven(evidence);
    }),
    ("output", without_output),
    ("swaps", |evidence| evidence.swaps.clear()),
    ("agreement", |evidence| evidence.contract = Contract::default()),
];

fn cover<T>(source: &mut Observed<T>, name: &str) {
    *source = Observed::NotObserved(Gap::new(name, "it was taken away", "give it back"));
}

/// A hang is proven by what programs wait for.
fn nothing_is_proven(evidence: &mut Evidence) {
    if evidence.setting.ended == Ending::HangProven {
        evidence.setting.ended = Ending::DeadlinePassed;
    }
}

fn sockets(evidence: &mut Evidence) -> Option<&mut Sockets> {
    match &mut evidence.sockets {
        Observed::Seen(sockets) => Some(sockets),
        Observed::NotObserved(_) => None,
    }
}

/// What a table without netlink shows: addresses, states and owners.
fn without_queues(evidence: &mut Evidence) {
    let Some(sockets) = sockets(evidence) else { return };
    sockets.has_queues = false;
    for snapshot in &mut sockets.snapshots {
        snapshot.counters = None;
        for socket in &mut snapshot.sockets {
            (socket.recv_queue, socket.send_queue, socket.eof_unread, socket.info) = (None, None, None, None);
        }
    }
}

/// What an ordinary user sees of sockets that others hold.
fn without_owners(evidence: &mut Evidence) {
    let Some(sockets) = sockets(evidence) else { return };
    for socket in sockets.snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.sockets) {
        socket.owners.clear();
        socket.owners_known = false;
    }
}

fn without_output(evidence: &mut Evidence) {
    let Observed::Seen(programs) = &mut evidence.programs else { return };
    for program in &mut programs.programs {
        (program.stdout, program.stderr) = (None, None);
    }
}
