//! The process that records: netdiag starts itself once more, so that entering a private network touches nobody else and
//! a recording that goes wrong can be ended as a whole.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::calls::{self, Disturbed};
use super::{Actor, CallTracing, Home, Manner, NotHere, Plan, Room, interpreter, pair};
use crate::evidence::{Contract, Evidence, Exit, How, Observed};
use crate::facts::second_look;
use crate::sandbox::{self, Enclosure, Interruption, Limits};

/// Where a recording takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a network namespace of its own; on the host's loopback where that is refused.
    Private,
    /// On the host's loopback.
    Host,
}

/// What the worker answers on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// It recorded.
    Recorded(Box<Evidence>),
    /// The private network was refused before anything was started; the process cannot be used any more.
    Refused(String),
    /// Tracing socket calls disturbed the programs; what was seen of them is worth nothing.
    Disturbed(String),
    /// It could not record.
    Failed(String),
}

/// Records `plan` in a process of its own; a second time where socket calls ask for that ([`CallTracing`]).
///
/// # Errors
/// When the worker cannot be started, dies, or cannot record.
pub fn record_in_worker(plan: &Plan, place: Place) -> anyhow::Result<Evidence> {
    let traces = plan.calls == CallTracing::Always;
    let first = match record_once(plan, place, traces, plan.calls != CallTracing::Never)? {
        Made::Recorded(evidence) => *evidence,
        Made::Disturbed(why) => {
            let Made::Recorded(mut evidence) = record_once(plan, place, false, false)? else { bail!(why) };
            evidence.calls = Observed::NotObserved(calls::gap(why));
            return Ok(*evidence);
        }
    };
    if plan.calls != CallTracing::SecondLook || !second_look::would_tell_more(&first) {
        return Ok(first);
    }
    Ok(look_again(plan, place, first))
}

/// The same once more, traced. It counts only if the same came of it: otherwise the first recording stands.
fn look_again(plan: &Plan, place: Place, mut first: Evidence) -> Evidence {
    let why = match record_once(plan, place, true, false) {
        Ok(Made::Recorded(second)) if second_look::agrees(&first, &second) => return *second,
        Ok(Made::Recorded(second)) => second.calls.seen().err().map_or_else(
            || "the pair behaved differently when it was run again with its calls traced".to_owned(),
            |gap| gap.why,
        ),
        Ok(Made::Disturbed(why)) => why,
        Err(error) => format!("the pair could not be run again with its calls traced: {error:#}"),
    };
    first.calls = Observed::NotObserved(calls::gap(why));
    first
}

/// What came of one recording.
enum Made {
    Recorded(Box<Evidence>),
    Disturbed(String),
}

/// `bytes`: where packets cannot be captured, the calls that carry bytes are traced instead.
fn record_once(plan: &Plan, place: Place, calls: bool, bytes: bool) -> anyhow::Result<Made> {
    let has_text = |actor: &Actor| matches!(actor, Actor::Python(_));
    let is_needed =
        plan.home.is_some() || plan.server.iter().chain(&plan.bystanders).chain(&plan.clients).any(has_text);
    let python = if is_needed { interpreter::python() } else { "python3" }.to_owned();
    let private = place == Place::Private;
    if plan.changes_network() && !private {
        bail!(NotHere);
    }
    let room = if private && plan.home.is_some() && confinement().is_ok() { Room::Porter } else { Room::None };
    let mut manner = Manner { private, room, cgroup: None, calls, bytes, python };
    let mut answer = ask_worker(plan, &manner)?;
    if matches!(answer, Answer::Refused(_)) && room == Room::Porter {
        manner.room = Room::None;
        answer = ask_worker(plan, &manner)?;
    }
    if matches!(answer, Answer::Refused(_)) {
        if plan.changes_network() {
            bail!(NotHere);
        }
        manner.private = false;
        answer = ask_worker(plan, &manner)?;
    }
    match answer {
        Answer::Recorded(evidence) => Ok(Made::Recorded(evidence)),
        Answer::Disturbed(why) => Ok(Made::Disturbed(why)),
        Answer::Failed(why) | Answer::Refused(why) => bail!(why),
    }
}

/// Whether programs can be confined to a room here; else what the system refused. Tried once, whole.
///
/// # Errors
/// What was refused.
pub fn confinement() -> Result<(), String> {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    TRIED.get_or_init(|| try_confinement(None).unwrap_or_else(|error| Err(format!("{error:#}")))).clone()
}

/// Whether programs in a room can live in a cgroup below this one; else what the system refused. Tried whole.
///
/// # Errors
/// What was refused.
pub fn limitation(cgroup: &Path) -> Result<(), String> {
    try_confinement(Some(cgroup)).unwrap_or_else(|error| Err(format!("{error:#}")))
}

fn try_confinement(cgroup: Option<&Path>) -> anyhow::Result<Result<(), String>> {
    let dir = tempfile::tempdir()?;
    let nothing = Actor::Command(vec!["true".to_owned()]);
    let plan = Plan {
        contract: Contract::default(),
        server: None,
        bystanders: Vec::new(),
        clients: vec![nothing],
        patience_ms: 2000,
        probe: false,
        console: false,
        console_at: None,
        calls: CallTracing::Never,
        home: Some(Home {
            dir: dir.path().to_owned(),
            limits: Limits::default(),
            hidden: Vec::new(),
            tracer: None,
            cgroup: cgroup.map(Path::to_owned),
            uid: None,
        }),
        interrupt_ms: None,
        loopback_down: false,
        reject_port: None,
        input: None,
        thorough: false,
    };
    let python = "python3".to_owned();
    let manner = Manner { private: true, room: Room::Porter, cgroup: None, calls: false, bytes: false, python };
    let evidence = match ask_worker(&plan, &manner)? {
        Answer::Recorded(evidence) => evidence,
        Answer::Refused(why) | Answer::Failed(why) | Answer::Disturbed(why) => return Ok(Err(why)),
    };
    let programs = evidence.programs.seen().map_err(|gap| anyhow::anyhow!(gap.why))?;
    let ended_well = |exit: &Exit| exit.how == How::Code(0);
    let guest = programs.programs.iter().any(|program| program.exit.as_ref().is_some_and(ended_well));
    Ok(if guest { Ok(()) } else { Err("a program could not be started in the room".to_owned()) })
}

/// Asks a worker, and another one if the first does not answer in time.
fn ask_worker(plan: &Plan, manner: &Manner) -> anyhow::Result<Answer> {
    match ask_once(plan, manner) {
        Err(error) if error.is::<Overdue>() => ask_once(plan, manner),
        answer => answer,
    }
}

fn ask_once(plan: &Plan, manner: &Manner) -> anyhow::Result<Answer> {
    let netdiag = std::env::current_exe().context("cannot find netdiag's own program file")?;
    let mut command = Command::new(netdiag);
    command.args(["__record", "--python", &manner.python]).stdin(Stdio::piped()).stdout(Stdio::piped());
    match manner.room {
        Room::Porter => _ = command.arg("--porter"),
        Room::Keeper => _ = command.arg("--keeper"),
        Room::None if manner.private => _ = command.arg("--private"),
        Room::None => {}
    }
    if manner.calls {
        command.arg("--calls");
    }
    if manner.bytes {
        command.arg("--bytes");
    }
    // Lives as long as the recorder.
    let enclosure = enclose(plan, manner)?;
    if let Some(enclosure) = &enclosure {
        command.arg("--cgroup").arg(enclosure.dir());
    }
    sandbox::inherit_orphans();
    let interruption = Interruption::listen()?;
    let mut worker = command.spawn().context("cannot start the recorder")?;
    tell(&mut worker, plan)?;
    let stdout = worker.stdout.take().context("the recorder has no standard output")?;
    let answer = listen(stdout, &interruption, worker.id(), limit(plan));
    if answer.as_ref().is_err_and(anyhow::Error::is::<Overdue>) {
        worker.kill().context("while ending a recorder that does not answer")?;
        worker.wait().context("while waiting for the recorder")?;
        clear_away_after(worker.id());
    }
    let answer = answer?;
    let status = worker.wait().context("while waiting for the recorder")?;
    serde_json::from_slice(&answer).map_err(|_| {
        clear_away_after(worker.id());
        died(status)
    })
}

/// Without a room programs could leave a cgroup as they like, so they get none.
fn enclose(plan: &Plan, manner: &Manner) -> anyhow::Result<Option<Enclosure>> {
    let home = plan.home.as_ref().filter(|_| manner.room == Room::Porter);
    let Some((home, base)) = home.and_then(|home| home.cgroup.as_ref().map(|base| (home, base))) else {
        return Ok(None);
    };
    Enclosure::make(base, &home.limits).map(Some)
}

/// A temporary directory for the recorder that this process is.
pub(super) fn place_of(plan: &Plan) -> std::io::Result<tempfile::TempDir> {
    // Guests are told where they live, and what they say of it is to be the same each time.
    let prefix = if plan.home.is_some() { "netdiag-".to_owned() } else { prefix_of(std::process::id()) };
    tempfile::Builder::new().prefix(&prefix).tempdir()
}

fn prefix_of(recorder: u32) -> String {
    format!("netdiag-{recorder}-")
}

/// Ends the programs and removes the files that a recorder which no longer lives has left.
fn clear_away_after(recorder: u32) {
    sandbox::end_orphans_of(recorder);
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    let prefix = prefix_of(recorder);
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
        // What cannot be removed is somebody else's.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

/// Reads the whole answer. The recorder is in a session of its own, so Ctrl-C is passed on to it; it then ends its
/// programs and answers with what it has.
///
/// One that is silent beyond its `limit` is [`Overdue`].
fn listen(
    mut stdout: ChildStdout,
    interruption: &Interruption,
    worker: u32,
    limit: Option<Duration>,
) -> anyhow::Result<Vec<u8>> {
    let began = Instant::now();
    let (said, hear) = channel();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let _ = said.send(stdout.read_to_end(&mut answer).map(|_| answer));
    });
    let mut told = false;
    loop {
        match hear.recv_timeout(Duration::from_millis(20)) {
            Ok(answer) => return answer.context("while listening to the recorder"),
            Err(RecvTimeoutError::Disconnected) => bail!("the recorder could not be listened to"),
            Err(RecvTimeoutError::Timeout) if interruption.requested() && !told => {
                sandbox::interrupt(worker);
                told = true;
            }
            Err(RecvTimeoutError::Timeout) if limit.is_some_and(|limit| began.elapsed() > limit) => {
                bail!(Overdue);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The longest a recording may take whose every part has a limit of its own; one that probes a slow server has none.
fn limit(plan: &Plan) -> Option<Duration> {
    const BESIDES_PATIENCE: Duration = Duration::from_secs(50);
    if let Some(home) = &plan.home {
        return Some(Duration::from_secs(home.limits.seconds));
    }
    let is_bounded = !plan.clients.is_empty() && !plan.probe;
    is_bounded.then(|| BESIDES_PATIENCE + 4 * Duration::from_millis(plan.patience_ms))
}

/// The recorder did not answer in time, which says nothing about either program.
#[derive(Debug)]
struct Overdue;

impl std::fmt::Display for Overdue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the recorder did not answer in time, twice; nothing follows about either program: run the same command again")
    }
}

impl std::error::Error for Overdue {}

fn tell(worker: &mut Child, plan: &Plan) -> anyhow::Result<()> {
    let mut stdin = worker.stdin.take().context("the recorder has no standard input")?;
    // A recorder that died already is reported by its exit status.
    let _ = stdin.write_all(&serde_json::to_vec(plan)?);
    Ok(())
}

fn died(status: ExitStatus) -> anyhow::Error {
    let how = match (status.code(), status.signal()) {
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        (Some(code), None) => format!("ended with status {code}"),
        (None, None) => "ended".to_owned(),
    };
    anyhow::anyhow!(
        "the recorder {how} before it could report; what it had seen is lost. Nothing follows about either program: \
         run the same command again"
    )
}

/// What the worker does: reads a plan from standard input, records, answers on standard output.
///
/// Must be called before this process has a second thread: a user namespace is refused to a threaded process.
pub fn work(manner: &Manner, input: &mut impl Read, output: &mut impl Write) -> anyhow::Result<()> {
    if manner.room == Room::Porter {
        return porter(manner, input, output);
    }
    let mut cgroup = None;
    if manner.room == Room::Keeper {
        match sandbox::confine::settle_in(manner.cgroup.as_deref()) {
            Ok(held) => cgroup = held,
            Err(error) => return tell_answer(output, &Answer::Refused(format!("{error:#}"))),
        }
    }
    let refusal = if manner.private { sandbox::enter_private_network().err() } else { None };
    let answer = match refusal {
        Some(refusal) => Answer::Refused(refusal.to_string()),
        None => record(manner, cgroup.as_ref(), input).map_or_else(failed, Answer::Recorded),
    };
    tell_answer(output, &answer)
}

fn tell_answer(output: &mut impl Write, answer: &Answer) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    Ok(output.flush()?)
}

/// Builds the room and starts the keeper, who answers in our place.
fn porter(manner: &Manner, input: &mut impl Read, output: &mut impl Write) -> anyhow::Result<()> {
    let mut plan = read_plan(input)?;
    let Some(home) = &mut plan.home else { bail!("nobody lives in the room") };
    // Held open from before the room is built, in which nothing outside of it can be written to by its name.
    let cgroup = manner.cgroup.as_deref().map(sandbox::confine::hold).transpose()?;
    let room = match sandbox::confine::build(&home.dir, home.tracer.as_deref(), &home.hidden) {
        Ok(room) => room,
        Err(error) => return tell_answer(output, &Answer::Refused(format!("{error:#}"))),
    };
    home.dir.clone_from(&room.submission);
    home.tracer.clone_from(&room.tracer);
    home.uid = Some(room.uid);
    let mut command = Command::new(&room.netdiag);
    command.args(["__record", "--keeper", "--python", &manner.python]).env("TMPDIR", "/tmp").current_dir("/tmp");
    if manner.calls {
        command.arg("--calls");
    }
    if manner.bytes {
        command.arg("--bytes");
    }
    if let Some(cgroup) = &cgroup {
        command.arg("--cgroup").arg(sandbox::confine::held_by_us(cgroup));
    }
    let mut keeper = command.stdin(Stdio::piped()).spawn().context("cannot start the keeper")?;
    tell(&mut keeper, &plan)?;
    let status = keeper.wait().context("while waiting for the keeper")?;
    anyhow::ensure!(status.success(), died(status));
    Ok(())
}

fn read_plan(input: &mut impl Read) -> anyhow::Result<Plan> {
    let mut told = String::new();
    input.read_to_string(&mut told).context("cannot read the plan")?;
    serde_json::from_str(&told).context("the plan is not understood")
}

fn failed(error: anyhow::Error) -> Answer {
    match error.downcast::<Disturbed>() {
        Ok(Disturbed(why)) => Answer::Disturbed(why),
        Err(error) => Answer::Failed(format!("{error:#}")),
    }
}

fn record(manner: &Manner, cgroup: Option<&File>, input: &mut impl Read) -> anyhow::Result<Box<Evidence>> {
    let interruption = if manner.room == Room::Keeper {
        sandbox::leave_terminal_and_reap()?;
        Interruption::never()
    } else {
        sandbox::tie_to_parent()?
    };
    let mut plan = read_plan(input)?;
    if let Some(home) = &mut plan.home {
        home.cgroup = cgroup.map(sandbox::confine::held_by_us);
    }
    // Nobody else lives in the network of a room either.
    let manner = Manner { private: manner.private || manner.room == Room::Keeper, ..manner.clone() };
    anyhow::ensure!(manner.private || !plan.changes_network(), NotHere);
    if plan.loopback_down {
        sandbox::take_loopback_down().context("while taking the private network's loopback interface down")?;
    }
    if let Some(port) = plan.reject_port {
        sandbox::reject_port(port).context("while setting up a packet filter in the private network")?;
    }
    Ok(Box::new(pair::record(&plan, &manner, &interruption)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_recorder_that_says_nothing_is_waited_for_no_longer_than_its_limit() {
        let mut recorder = silent();
        let stdout = recorder.stdout.take().unwrap();
        let limit = Some(Duration::from_millis(50));
        let answer = listen(stdout, &Interruption::listen().unwrap(), recorder.id(), limit);
        assert!(answer.unwrap_err().is::<Overdue>());
        recorder.kill().unwrap();
        recorder.wait().unwrap();
    }

    #[test]
    fn one_that_ends_without_a_word_has_died() {
        let mut recorder = silent();
        let stdout = recorder.stdout.take().unwrap();
        drop(recorder.stdin.take());
        let answer = listen(stdout, &Interruption::listen().unwrap(), recorder.id(), None).unwrap();
        assert_eq!(answer, b"");
        let said = died(recorder.wait().unwrap()).to_string();
        assert!(said.starts_with("the recorder ended with status 0 before it could report"), "{said}");
    }
}
