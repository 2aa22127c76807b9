//! Several connections at once: one beside an idle one, then ten and a hundred that all have something to say.

use std::net::SocketAddr;
use std::time::Duration;

use crate::evidence::{Probe, Reach, Shape};

use super::super::Examiner;
use super::super::pace::{LATER, LONGEST, Pace};
use super::super::talk::{Enough, Setting, Talk, Wait};
use super::{PROMPT, SURE};

/// How often it is tried whether a second client is served. A stall of a busy machine does not come twice in a row
/// just when it is not wanted.
const TRIALS: usize = 2;

/// How long at least an idle connection is kept open for a greeting on another one to be answered beside it.
const BESIDE: Duration = Duration::from_millis(300);

/// How many speak at once where each connection carries a single message: few enough for the shortest usual queue of
/// connections not yet accepted, whose overflow would cost a second.
const FEW: usize = 4;

/// Finds out whether a second client is served while a first one is idle.
pub(super) async fn beside_idlers(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    for _ in 0..TRIALS {
        beside_an_idler(exam, target, BESIDE).await?;
        if exam.pace.lanes > 1 {
            break;
        }
    }
    Some(())
}

/// The same once more, with more patience, if nobody was served beside an idle client and the server has since shown to be
/// slower than that patience allowed for.
pub(super) async fn beside_an_idler_if_too_hasty(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let needed = LONGEST.min(exam.pace.latency.unwrap_or_default() * LATER);
    let waited = exam.probes.iter().filter(|probe| probe.shape == Shape::Idler).map(|probe| probe.patience_ms).max();
    if exam.pace.lanes > 1 || !exam.has_time() || waited.is_none_or(|ms| Duration::from_millis(ms) >= needed) {
        return Some(());
    }
    beside_an_idler(exam, target, needed).await
}

/// Keeps one connection open and silent, and greets on a second one. If that is not answered, the idle one leaves, and
/// the greeting gets another chance. The idle one stays for `least`, or longer.
async fn beside_an_idler(exam: &mut Examiner, target: SocketAddr, least: Duration) -> Option<()> {
    let group = exam.group();
    let pace = exam.pace.clone();
    let line = format!("{}{}", exam.text(), pace.terminator());
    let mut idler = Talk::dial(&exam.setting, Shape::Idler, target, group).await;
    if !idler.is_open() {
        return exam.keep(idler.part(pace.farewell()).await).then_some(());
    }
    let mut second = Talk::dial(&exam.setting, pace.plain_shape(), target, group).await;
    second.say(line.as_bytes()).await;
    if pace.until_eof {
        second.half_close().await;
    }
    let answer = Wait::patient(pace.patience().max(least), Enough::Bytes(pace.due(line.len(), 1)));
    second.listen(&answer).await;
    let served = second.heard() > pace.banner;
    let held = second.since_write().as_secs_f64() * 1000.0;
    idler.listen(&Wait::patient(Duration::ZERO, Enough::Bytes(1))).await;
    // In whole milliseconds, rounded so that a comparison with the time of the answer comes out right.
    idler.probe.patience_ms = if served { held.ceil() as u64 + 1 } else { held.floor() as u64 };
    exam.keep(idler.part(pace.farewell()).await).then_some(())?;
    if !served {
        second.listen(&Wait { first: SURE, ..answer }).await;
    }
    exam.pace.lanes = if served { 2 } else { 1 };
    let answered = second.heard() > pace.banner;
    let second = second.part(pace.farewell()).await;
    let known = (exam.pace.latency, exam.pace.fastest);
    let there = exam.keep(second);
    if !served {
        // Its time in the queue says nothing about the server's speed.
        (exam.pace.latency, exam.pace.fastest) = known;
    }
    (there && answered).then_some(())
}

/// Opens `size` connections that overlap. Each is greeted and answered before the next one is opened, so that no queue
/// of the server's is put to the test; then all of them speak at the same time, each with a text of its own.
pub(super) async fn gather(exam: &mut Examiner, target: SocketAddr, size: usize) -> Option<()> {
    let pace = exam.pace.clone();
    if pace.lanes < 2 || pace.fastest.unwrap_or_default() > PROMPT {
        return Some(());
    }
    let group = exam.group();
    if pace.one_shot || pace.until_eof {
        return at_once(exam, target, size.min(FEW), group).await;
    }
    let mut crowd = Vec::new();
    let mut late = None;
    for _ in 0..size {
        if !exam.has_time() {
            break;
        }
        let line = format!("{}{}", exam.text(), pace.terminator());
        let talk = one_more(&exam.setting, &pace, target, group, line).await;
        if talk.heard() <= pace.banner {
            late = Some(talk);
            break;
        }
        crowd.push(talk);
    }
    exam.pace.lanes = exam.pace.lanes.max(crowd.len());
    let mut running = Vec::new();
    for talk in crowd {
        let line = format!("{}{}", exam.text(), pace.terminator());
        running.push(tokio::spawn(speak_again(talk, pace.clone(), line)));
    }
    let mut there = true;
    for probe in running {
        there &= probe.await.is_ok_and(|probe| exam.keep(probe));
    }
    if let Some(late) = late {
        there &= exam.keep(wait_for_a_place(late, &pace).await);
    }
    there.then_some(())
}

/// One connection of a crowd, greeted once.
async fn one_more(setting: &Setting, pace: &Pace, target: SocketAddr, group: u32, line: String) -> Talk {
    let mut talk = Talk::dial(setting, Shape::Overlapping, target, group).await;
    talk.say(line.as_bytes()).await;
    let answer = Wait::patient(pace.patience(), Enough::Bytes(pace.due(line.len(), 1)));
    talk.listen(&Wait { first: SURE.max(pace.patience()), ..answer }).await;
    talk
}

async fn speak_again(mut talk: Talk, pace: Pace, line: String) -> Probe {
    let said: usize = talk.probe.sent.iter().map(crate::evidence::Bytes::len).sum();
    talk.say(line.as_bytes()).await;
    talk.listen(&Wait::patient(pace.patience(), Enough::Bytes(pace.due(said + line.len(), 2)))).await;
    talk.part(pace.farewell()).await
}

/// The one that was not served beside the others: now that they have left, it may be its turn.
async fn wait_for_a_place(mut talk: Talk, pace: &Pace) -> Probe {
    if talk.probe.reach == Reach::Connected && talk.is_open() {
        let held = talk.since_write().as_millis() as u64;
        talk.listen(&Wait::patient(SURE, Enough::Bytes(pace.banner + 1))).await;
        talk.probe.patience_ms = held;
    }
    talk.part(pace.farewell()).await
}

/// A crowd in which everybody speaks once.
async fn at_once(exam: &mut Examiner, target: SocketAddr, size: usize, group: u32) -> Option<()> {
    let pace = exam.pace.clone();
    let mut running = Vec::new();
    for _ in 0..size {
        let line = format!("{}{}", exam.text(), pace.terminator());
        let (setting, pace) = (exam.setting.clone(), pace.clone());
        running.push(tokio::spawn(async move {
            let mut talk = Talk::dial(&setting, Shape::Overlapping, target, group).await;
            talk.say(line.as_bytes()).await;
            if pace.until_eof {
                talk.half_close().await;
            }
            talk.listen(&Wait::patient(pace.patience(), Enough::Bytes(pace.due(line.len(), 1)))).await;
            talk.part(pace.farewell()).await
        }));
    }
    let mut there = true;
    for probe in running {
        there &= probe.await.is_ok_and(|probe| exam.keep(probe));
    }
    there.then_some(())
}
