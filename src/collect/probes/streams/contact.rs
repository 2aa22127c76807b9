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
use super::super::talk::{Enough, FLOOD, Talk, Wait, resemblance};

/// After this much silence on the first connection, others try whether a half-close or a CR helps.
const PUZZLED: Duration = Duration::from_millis(250);

/// How long something that is no answer, such as a banner, may be followed by one.
const UNLIKE: Duration = Duration::from_millis(800);

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

/// Greets the first target that can be reached, and says which it was; `None` when there is none to go on with.
pub(super) async fn greet(exam: &mut Examiner, generous: Duration) -> Option<SocketAddr> {
    for target in exam.targets.clone() {
        let group = exam.group();
        let lines = [exam.text(), exam.text()];
        let (hurry, told) = watch::channel(false);
        let talk = Talk::dial(&exam.setting, Shape::Line, target, group).await;
        let mut opening = tokio::spawn(open(talk, lines[0].clone(), generous, told));
        let (first, helpers) = if let Ok(talk) = tokio::time::timeout(PUZZLED, &mut opening).await {
            let first = go_on(talk.ok()?, &lines[1]).await;
            let is_puzzling = first.probe.at_rest && first.turns[0] == 0;
            let group = exam.group();
            let helpers = if is_puzzling { help(exam, target, group, generous, &hurry) } else { Vec::new() };
            (first, helpers)
        } else {
            let helpers = help(exam, target, group, generous, &hurry);
            (go_on(opening.await.ok()?, &lines[1]).await, helpers)
        };
        let mut helped = Vec::new();
        for helper in helpers {
            helped.push(helper.await.ok()?);
        }
        note(&mut exam.pace, &first, &lines, &helped);
        let (reach, floods) = (first.probe.reach, first.probe.received_total >= FLOOD);
        let mut there = exam.keep(first.probe);
        for probe in helped {
            there &= exam.keep(probe);
        }
        if reach == Reach::Connected {
            return (there && !floods).then_some(target);
        }
    }
    None
}

/// Says the first line and waits for its answer.
async fn open(mut talk: Talk, text: String, generous: Duration, hurry: watch::Receiver<bool>) -> Talk {
    talk.say(format!("{text}\n").as_bytes()).await;
    let wait = Wait {
        first: generous,
        // What does not even resemble the line may be a banner, and the answer may come much later.
        quiet: UNLIKE.max(generous / 2),
        tail: TAIL,
        settle: HANG_UP,
        enough: Enough::Text(text.into_bytes()),
        hurry: Some(hurry),
        whole: false,
    };
    talk.listen(&wait).await;
    talk
}

/// If the first line was answered and the connection stays, says another one. Then parts.
async fn go_on(mut talk: Talk, text: &str) -> First {
    let first_turn = talk.heard();
    let latency = talk.probe.last_byte_ms.map(|ms| Duration::from_secs_f64(ms / 1000.0));
    let pace = Pace { latency, ..Pace::default() };
    if first_turn > 0 && talk.is_open() {
        talk.probe.shape = Shape::TwoLines;
        talk.probe.patience_ms = 0;
        talk.say(format!("{text}\n").as_bytes()).await;
        let answer = Wait::patient(pace.patience(), Enough::Text(text.as_bytes().to_vec()));
        talk.listen(&Wait { tail: SHORT_TAIL, ..answer }).await;
    }
    let turns = [first_turn, talk.heard() - first_turn];
    First { probe: talk.part(pace.patience()).await, latency, turns }
}

/// Tries on other connections what the silent server may be waiting for. Once one of them is answered, the first gets
/// only a little more time: its silence was not slowness.
fn help(
    exam: &mut Examiner,
    target: SocketAddr,
    group: u32,
    generous: Duration,
    hurry: &watch::Sender<bool>,
) -> Vec<JoinHandle<Probe>> {
    // A server that has not answered yet is given twice the floor.
    let pace = Pace { floor: generous * 2 / 5, ..Pace::default() };
    let lines = [(Shape::LineHalfClose, exam.text() + "\n"), (Shape::CrLfLine, exam.text() + "\r\n")];
    lines
        .map(|(shape, line)| {
            let (setting, pace, hurry) = (exam.setting.clone(), pace.clone(), hurry.clone());
            let script = Script::ask(&pace, shape, line.as_bytes(), 1).hurried(hurry.subscribe());
            tokio::spawn(async move {
                let probe = script.perform(setting, pace, target, group).await;
                if probe.received_total > 0 {
                    tokio::spawn(async move {
                        tokio::time::sleep(PUZZLED).await;
                        hurry.send_replace(true);
                    });
                }
                probe
            })
        })
        .into()
}

/// Learns how long answers take and how long they are.
fn note(pace: &mut Pace, first: &First, texts: &[String; 2], helped: &[Probe]) {
    pace.ignores_fin = first.probe.half_closed && first.probe.close == Close::Open;
    let alike = |probe: &Probe| {
        let said = probe.sent.first().map(|line| line.0.trim_ascii_end()).unwrap_or_default();
        resemblance(&probe.received.0, said).is_some()
    };
    pace.alike = std::iter::once(&first.probe).chain(helped).any(alike);
    if let Some(latency) = first.latency.filter(|_| first.turns[0] > 0) {
        pace.note(latency);
        pace.one_shot = !first.probe.half_closed;
        let longer = |turn: usize| first.turns[turn].cast_signed() - (texts[turn].len() as u64 + 1).cast_signed();
        pace.overhead = longer(0);
        if first.turns[1] > 0 {
            pace.overhead = longer(1);
            pace.banner = (longer(0) - longer(1)).max(0).cast_unsigned();
        }
        return;
    }
    let answer = |shape| helped.iter().find(move |probe| probe.shape == shape && probe.received_total > 0);
    let crlf = answer(Shape::CrLfLine).filter(|probe| probe.before_half_close > 0);
    pace.crlf = crlf.is_some();
    pace.until_eof = crlf.is_none() && first.probe.received_total > 0;
    if let Some(probe) = crlf.or_else(|| answer(Shape::LineHalfClose).filter(|_| pace.until_eof)) {
        pace.note(Duration::from_secs_f64(probe.first_byte_ms.unwrap_or_default() / 1000.0));
        pace.overhead = probe.received_total.cast_signed() - probe.sent_total.cast_signed();
    }
}
