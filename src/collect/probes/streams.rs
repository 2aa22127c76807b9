//! The order of the probes of a TCP server: gentle ones first, the rude one last, a crowd only where one was welcome.

mod contact;
mod crowd;
mod series;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::evidence::{Close, Probe, Reach, Shape};

use super::pace::{GENEROUS, LATER, LONGEST};
use super::shapes::{Script, binary_line, bulk};
use super::talk::{Enough, Talk, Wait};
use super::{Depth, Examiner};

/// The floor of patience once the server's speed is known. On a virtual machine a processor may be away for a quarter of a
/// second, with the server on it and not with us; where somebody looks at the server, its rest ends the wait long before.
const FLOOR_DIALECT: Duration = Duration::from_millis(300);
const FLOOR_FULL: Duration = Duration::from_millis(400);

/// The first wait when the pair has been recorded already and only the dialect is wanted.
const GENEROUS_DIALECT: Duration = Duration::from_millis(800);

/// A server slower than this is not asked for bulk or crowds: it would take all day, and show nothing new.
const PROMPT: Duration = Duration::from_millis(40);

/// The wait where silence would look like a server's death: long enough for any stall of a busy machine.
const SURE: Duration = Duration::from_secs(1);

/// How long a server is given to notice a reset.
const NOTICE: Duration = Duration::from_millis(20);

/// Divided by any power of two up to 32 KiB it leaves a rest of its own, which tells the size of the blocks; and it fills
/// any buffer in which the libraries of usual languages keep what is written.
const ODD_BULK: usize = (64 << 10) - 64;

/// Sizes of the crowds.
const CROWDS: [usize; 2] = [10, 100];

/// The crowd that a thorough examination gathers instead of the larger one.
const THRONG: usize = 150;

/// Sizes of the bulk probes, and the one that only a thorough examination sends.
const BULK: [usize; 2] = [64 << 10, 1 << 20];
const VERY_MUCH: usize = 8 << 20;

/// Makes the probes in order; stops when the listener is gone.
pub(super) async fn examine(exam: &mut Examiner, depth: Depth) {
    let (generous, floor) = match depth {
        Depth::Dialect => (GENEROUS_DIALECT, FLOOR_DIALECT),
        Depth::Full | Depth::Thorough => (GENEROUS, FLOOR_FULL),
    };
    let Some(target) = contact::greet(exam, generous).await else { return };
    exam.pace.floor = floor;
    // Where one of these ends early, the listener is gone, and the record shows it.
    let _ = match (depth, exam.pace.latency) {
        (_, Some(_)) if !exam.pace.alike => perform(exam, target, vec![Script::knock()]).await,
        (Depth::Dialect, None) => None,
        (Depth::Full | Depth::Thorough, None) => unanswered(exam, target).await,
        (Depth::Dialect, Some(_)) => match gentle(exam, target, depth).await {
            Some(()) => {
                again_if_too_hasty(exam, target).await;
                before_the_end(exam, target).await
            }
            None => None,
        },
        (Depth::Full | Depth::Thorough, Some(_)) => full(exam, target, depth).await,
    };
}

/// `None` as soon as the listener is gone.
async fn full(exam: &mut Examiner, target: SocketAddr, depth: Depth) -> Option<()> {
    for other in exam.targets.clone().into_iter().filter(|other| *other != target) {
        if !exam.probes.iter().any(|probe| probe.target == other) {
            perform(exam, other, vec![Script::knock()]).await;
        }
    }
    crowd::beside_idlers(exam, target).await?;
    crowd::gather(exam, target, CROWDS[0]).await?;
    gentle(exam, target, Depth::Full).await?;
    before_the_end(exam, target).await?;
    let sizes = BULK.into_iter().chain((depth == Depth::Thorough).then_some(VERY_MUCH));
    much(exam, target, sizes).await?;
    strange(exam, target).await?;
    rude(exam, target).await?;
    if depth == Depth::Thorough {
        series::endure(exam, target).await?;
    }
    // Last, because some services refuse further connections for a while once there were many of them.
    let all_welcome = exam.probes.iter().all(|probe| probe.reach == Reach::Connected || probe.target != target);
    if all_welcome && exam.has_time() && exam.pace.lanes >= CROWDS[0] {
        let size = if depth == Depth::Thorough { THRONG } else { CROWDS[1] };
        crowd::gather(exam, target, size).await?;
    }
    again_if_too_hasty(exam, target).await?;
    crowd::beside_an_idler_if_too_hasty(exam, target).await
}

/// The ordinary greetings.
async fn gentle(exam: &mut Examiner, target: SocketAddr, depth: Depth) -> Option<()> {
    let scripts = gentle_scripts(exam, depth);
    perform(exam, target, scripts).await
}

fn gentle_scripts(exam: &mut Examiner, depth: Depth) -> Vec<Script> {
    let pace = exam.pace.clone();
    let tried = |exam: &Examiner, shape| {
        exam.probes.iter().any(|probe| probe.shape == shape && probe.received_total > pace.banner)
    };
    let mut scripts = Vec::new();
    let full = depth != Depth::Dialect;
    // First the one that may have to wait, so that the others go on beside it.
    if full {
        scripts.push(Script::ask(&pace, Shape::Chunk, exam.text().as_bytes(), 1));
    }
    if (full || pace.banner > 0 || pace.overhead > 0) && !tried(exam, Shape::Knock) {
        scripts.push(Script::knock());
    }
    for (shape, wanted) in [(Shape::CrLfLine, true), (Shape::LineHalfClose, true), (Shape::Line, pace.until_eof)] {
        if wanted && (shape == Shape::Line || !tried(exam, shape)) {
            let end = if shape == Shape::CrLfLine { "\r\n" } else { pace.terminator() };
            scripts.push(Script::ask(&pace, shape, format!("{}{end}", exam.text()).as_bytes(), 1));
        }
    }
    if full {
        let (one, other, end) = (exam.text(), exam.text(), pace.terminator());
        if !pace.one_shot || pace.until_eof {
            scripts.push(Script::ask(&pace, Shape::JoinedLines, format!("{one}{end}{other}{end}").as_bytes(), 2));
        }
        scripts.push(Script::split(&pace, format!("{}{end}", exam.text()).as_bytes()));
        scripts.push(Script::ask(&pace, Shape::ChunkHalfClose, exam.text().as_bytes(), 1));
    } else {
        scripts.push(Script::ask(&pace, Shape::Chunk, exam.text().as_bytes(), 1));
    }
    scripts
}

/// A chunk that got no answer is tried again with more patience if the server has meanwhile shown to be slower than
/// that patience allowed for: on a busy machine the difference between "waits for a line end" and "is late" is time.
async fn again_if_too_hasty(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let chunk = exam.probes.iter().rfind(|probe| probe.shape == Shape::Chunk)?;
    let needed = LONGEST.min(exam.pace.latency.unwrap_or_default() * LATER);
    if chunk.before_half_close > exam.pace.banner || chunk.at_rest || Duration::from_millis(chunk.patience_ms) >= needed
    {
        return Some(());
    }
    let mut pace = exam.pace.clone();
    pace.floor = needed;
    let script = Script::ask(&pace, Shape::Chunk, exam.text().as_bytes(), 1);
    std::mem::swap(&mut exam.pace, &mut pace);
    let outcome = perform(exam, target, vec![script]).await;
    exam.pace.floor = pace.floor;
    outcome
}

/// Goes through the scripts: as many side by side as the server has shown to serve, else one after the other.
async fn perform(exam: &mut Examiner, target: SocketAddr, scripts: Vec<Script>) -> Option<()> {
    if exam.pace.lanes > 1 {
        let group = exam.group();
        let lanes = Arc::new(Semaphore::new(exam.pace.lanes));
        let start = |script: Script| {
            let (setting, pace, lanes) = (exam.setting.clone(), exam.pace.clone(), lanes.clone());
            tokio::spawn(async move {
                // The semaphore is never closed; if it were, all would simply start at once.
                let _lane = lanes.acquire().await;
                script.perform(setting, pace, target, group).await
            })
        };
        let running: Vec<JoinHandle<Probe>> = scripts.into_iter().map(start).collect();
        let mut there = true;
        for probe in running {
            there &= probe.await.is_ok_and(|probe| exam.keep(probe));
        }
        return there.then_some(());
    }
    for script in scripts {
        if !exam.has_time() {
            break;
        }
        let group = exam.group();
        let probe = script.perform(exam.setting.clone(), exam.pace.clone(), target, group).await;
        exam.pace.ignores_fin |= probe.half_closed && probe.close == Close::Open;
        exam.keep(probe).then_some(())?;
    }
    Some(())
}

/// What is still worth trying with a server that has said nothing: perhaps it waits for a full buffer.
async fn unanswered(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let (bytes, lines) = bulk(ODD_BULK, "\n");
    let script = Script::ask(&exam.pace, Shape::Bulk, &bytes, lines);
    perform(exam, target, vec![script, Script::knock()]).await
}

/// Whether a server that answers at the end of input begins to answer before it when much has come: then it is not the end
/// that it waits for, but a buffer to be full.
async fn before_the_end(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    if !exam.pace.until_eof || !exam.has_time() {
        return Some(());
    }
    let (bytes, lines) = bulk(ODD_BULK, "\n");
    let script = Script::wait(&exam.pace, Shape::Bulk, &bytes, lines);
    perform(exam, target, vec![script]).await
}

/// Many bytes, then very many.
async fn much(exam: &mut Examiner, target: SocketAddr, sizes: impl Iterator<Item = usize>) -> Option<()> {
    let slow = exam.pace.fastest.unwrap_or_default() > PROMPT;
    if slow || (exam.pace.one_shot && !exam.pace.until_eof) {
        return Some(());
    }
    for size in sizes {
        let (bytes, lines) = bulk(size, exam.pace.terminator());
        let whole = bytes.len() as u64;
        let script = Script::ask(&exam.pace, Shape::Bulk, &bytes, lines).patiently(SURE);
        perform(exam, target, vec![script]).await?;
        let returned = exam.probes.last().is_some_and(|probe| probe.received_total >= whole);
        if !returned || !exam.has_time() {
            break;
        }
    }
    Some(())
}

/// Bytes that are not text, and a look at whether the server got over them.
async fn strange(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let pace = exam.pace.clone();
    let binary = Script::ask(&pace, Shape::Binary, &binary_line(pace.terminator()), 1);
    perform(exam, target, vec![binary]).await?;
    still_there(exam, target).await
}

/// Half a line and a reset, and a look at whether the server got over it.
async fn rude(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let group = exam.group();
    let text = exam.text();
    let mut talk = Talk::dial(&exam.setting, Shape::Rude, target, group).await;
    talk.say(&text.as_bytes()[..text.len() / 2]).await;
    // The server must have it in its hands before the reset comes, or it will never know.
    talk.listen(&Wait::patient(NOTICE, Enough::Bytes(1))).await;
    exam.keep(talk.reset()).then_some(())?;
    tokio::time::sleep(NOTICE).await;
    still_there(exam, target).await
}

async fn still_there(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let (shape, line) = (exam.pace.plain_shape(), format!("{}{}", exam.text(), exam.pace.terminator()));
    let script = Script::ask(&exam.pace, shape, line.as_bytes(), 1).patiently(SURE);
    perform(exam, target, vec![script]).await
}
