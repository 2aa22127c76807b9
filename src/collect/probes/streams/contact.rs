//! The first connection. It must show as much as possible, because a program that serves one connection in its life
//! gives no second one; and it must wait generously, because nothing is known of the server's speed.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::evidence::{Close, Probe, Reach, Shape};

use super::super::Examiner;
use super::super::pace::{Pace, TAIL};
use super::super::shapes::Script;
use super::super::talk::{Enough, FLOOD, Setting, Talk, Wait};

/// After this much silence on the first connection, others try whether a half-close or a CR helps.
const PUZZLED: Duration = Duration::from_millis(250);

/// How long a server is given to hang up of its own accord after its first answer.
const HANG_UP: Duration = Duration::from_millis(15);

/// How long a second answer without a line end is given to go on.
const SHORT_TAIL: Duration = Duration::from_millis(20);

/// What the first connection showed besides its record.
struct First {
    probe: Probe,
    /// How long the first answer took.
    latency: Option<Duration>,
    /// How many bytes came for the first line, and for the second.
    turns: [u64; 2],
}

/// Where and how patiently the first conversation begins.
struct Start {
    setting: Setting,
    target: SocketAddr,
    group: u32,
    generous: Duration,
}

/// Greets the first target that can be reached, and says which it was; `None` when there is none to go on with.
pub(super) async fn greet(exam: &mut Examiner, generous: Duration) -> Option<SocketAddr> {
    for target in exam.targets.clone() {
        let group = exam.group();
        let lines = [exam.text() + "\n", exam.text() + "\n"];
        let lengths = [lines[0].len() as u64, lines[1].len() as u64];
        let (hurry, told) = watch::channel(false);
        let mut first =
            tokio::spawn(converse(Start { setting: exam.setting.clone(), target, group, generous }, lines, told));
        let helpers = match tokio::time::timeout(PUZZLED, &mut first).await {
            Ok(done) => (done.ok()?, Vec::new()),
            Err(_) => help(exam, target, generous, first, &hurry).await?,
        };
        let (first, helpers) = helpers;
        let reach = first.probe.reach;
        note(&mut exam.pace, &first, lengths, &helpers);
        let floods = first.probe.received_total >= FLOOD;
        exam.keep(first.probe);
        let mut there = true;
        for probe in helpers {
            there &= exam.keep(probe);
        }
        if reach == Reach::Connected {
            return (there && !floods).then_some(target);
        }
    }
    None
}

/// One line, and if it is answered and the connection stays, another one.
async fn converse(start: Start, lines: [String; 2], hurry: watch::Receiver<bool>) -> First {
    let [one, other] = lines;
    let mut talk = Talk::dial(&start.setting, Shape::Line, start.target, start.group).await;
    talk.say(one.as_bytes()).await;
    let text = one.trim_end().as_bytes().to_vec();
    talk.listen(&Wait {
        first: start.generous,
        // What does not even resemble the line may be a banner, and the answer may come as late as a first byte.
        quiet: start.generous,
        tail: TAIL,
        settle: HANG_UP,
        enough: Enough::Text(text),
        hurry: Some(hurry),
    })
    .await;
    let first_turn = talk.heard();
    let latency = talk.probe.last_byte_ms.map(|ms| Duration::from_secs_f64(ms / 1000.0));
    let pace = Pace { latency, ..Pace::default() };
    if first_turn > 0 && talk.is_open() {
        talk.probe.shape = Shape::TwoLines;
        talk.probe.patience_ms = 0;
        talk.say(other.as_bytes()).await;
        let text = Enough::Text(other.trim_end().as_bytes().to_vec());
        talk.listen(&Wait { tail: SHORT_TAIL, ..Wait::patient(pace.patience(), text) }).await;
    }
    let turns = [first_turn, talk.heard() - first_turn];
    First { probe: talk.part(pace.patience()).await, latency, turns }
}

/// Tries on other connections what the silent server may be waiting for. Once one of them is answered, the first gets
/// only a little more time: its silence was not slowness.
async fn help(
    exam: &mut Examiner,
    target: SocketAddr,
    generous: Duration,
    first: JoinHandle<First>,
    hurry: &watch::Sender<bool>,
) -> Option<(First, Vec<Probe>)> {
    let group = exam.next_group;
    // A server that knows no answer yet is given twice the floor.
    let pace = Pace { floor: generous * 2 / 5, ..Pace::default() };
    let ask = |shape, text: String| {
        let script = Script::ask(&pace, shape, text.as_bytes(), 1);
        tokio::spawn(script.perform(exam.setting.clone(), pace.clone(), target, group))
    };
    let (half_closed, crlf) = (exam.next_text, exam.next_text + 1);
    let text = |n| format!("netdiag probe {n} says hello");
    let mut half_closed = ask(Shape::LineHalfClose, text(half_closed) + "\n");
    let mut crlf = ask(Shape::CrLfLine, text(crlf) + "\r\n");
    exam.next_text += 2;
    let answered = tokio::select! {
        probe = &mut half_closed => (probe.ok()?, true),
        probe = &mut crlf => (probe.ok()?, false),
    };
    if answered.0.received_total > 0 {
        tokio::time::sleep(PUZZLED).await;
        let _ = hurry.send(true);
    }
    let other = if answered.1 { crlf.await } else { half_closed.await };
    Some((first.await.ok()?, vec![answered.0, other.ok()?]))
}

/// Learns how long answers take and how long they are.
fn note(pace: &mut Pace, first: &First, lengths: [u64; 2], helpers: &[Probe]) {
    pace.ignores_fin = first.probe.half_closed && first.probe.close == Close::Open;
    if let Some(latency) = first.latency.filter(|_| first.turns[0] > 0) {
        pace.note(latency);
        pace.one_shot = !first.probe.half_closed;
        let longer = |turn: usize| first.turns[turn].cast_signed() - lengths[turn].cast_signed();
        pace.overhead = longer(0);
        if first.turns[1] > 0 {
            pace.overhead = longer(1);
            pace.banner = (longer(0) - longer(1)).max(0).cast_unsigned();
        }
        return;
    }
    let answer = |shape| helpers.iter().find(move |probe| probe.shape == shape && probe.received_total > 0);
    let crlf = answer(Shape::CrLfLine).filter(|probe| probe.before_half_close > 0);
    pace.crlf = crlf.is_some();
    pace.until_eof = crlf.is_none() && first.probe.received_total > 0;
    if let Some(probe) = crlf.or_else(|| answer(Shape::LineHalfClose).filter(|_| pace.until_eof)) {
        pace.note(Duration::from_secs_f64(probe.first_byte_ms.unwrap_or_default() / 1000.0));
        pace.overhead = probe.received_total.cast_signed() - probe.sent_total.cast_signed();
    }
}
