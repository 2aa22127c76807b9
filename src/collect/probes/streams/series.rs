//! One connection after the other, twice as many as needed to see what grows with their number, beside one that is silent.
//!
//! Slow enough for a service that limits connections per second. What the server holds in between, the recorder looks at.

use std::net::SocketAddr;
use std::time::Duration;

use crate::evidence::{Probe, Reach, Shape};

use super::super::Examiner;
use super::super::pace::Pace;
use super::super::talk::{Enough, Setting, Talk, Wait};
use super::{PROMPT, SURE, still_there};

/// How many connections one series has.
const LENGTH: usize = 20;

/// Between two connections: xinetd and its like take 50 in a second.
const APART: Duration = Duration::from_millis(25);

/// After each series: time to close what is to be closed, and for the recorder to look.
const AFTER: Duration = Duration::from_millis(400);

/// Two series, with a pause after each, while another connection, which was answered before, stays open and silent. It
/// speaks again at the end.
pub(super) async fn endure(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let pace = exam.pace.clone();
    if pace.fastest.unwrap_or_default() > PROMPT {
        return Some(());
    }
    let lingers = pace.lanes > 1 && !pace.one_shot && !pace.until_eof;
    let lingering = if lingers { Some(linger(exam, &pace, target).await) } else { None };
    for _ in 0..2 {
        tokio::time::sleep(AFTER).await;
        series(exam, &pace, target).await?;
    }
    tokio::time::sleep(AFTER).await;
    if let Some(talk) = lingering {
        let line = format!("{}{}", exam.text(), pace.terminator());
        exam.keep(speak_again(talk, &pace, &line).await).then_some(())?;
    }
    still_there(exam, target).await
}

async fn linger(exam: &mut Examiner, pace: &Pace, target: SocketAddr) -> Talk {
    let group = exam.group();
    let line = format!("{}{}", exam.text(), pace.terminator());
    let mut talk = Talk::dial(&exam.setting, Shape::Lingering, target, group).await;
    talk.say(line.as_bytes()).await;
    talk.listen(&Wait::patient(SURE, Enough::Bytes(pace.due(line.len(), 1)))).await;
    talk
}

async fn speak_again(mut talk: Talk, pace: &Pace, line: &str) -> Probe {
    talk.listen(&Wait::patient(Duration::ZERO, Enough::Bytes(u64::MAX))).await;
    if talk.is_open() {
        let heard = talk.heard();
        talk.say(line.as_bytes()).await;
        talk.listen(&Wait::patient(SURE, Enough::Bytes(heard + 1))).await;
    }
    talk.part(pace.farewell()).await
}

async fn series(exam: &mut Examiner, pace: &Pace, target: SocketAddr) -> Option<()> {
    let group = exam.group();
    for _ in 0..LENGTH {
        if !exam.has_time() {
            break;
        }
        let line = format!("{}{}", exam.text(), pace.terminator());
        let probe = one(&exam.setting, pace, target, group, &line).await;
        // A service that takes no more of these for a while has not gone; whether it has is asked once it had its pause.
        if probe.reach == Reach::Refused {
            break;
        }
        exam.keep(probe).then_some(())?;
        tokio::time::sleep(APART).await;
    }
    Some(())
}

async fn one(setting: &Setting, pace: &Pace, target: SocketAddr, group: u32, line: &str) -> Probe {
    let mut talk = Talk::dial(setting, Shape::Series, target, group).await;
    talk.say(line.as_bytes()).await;
    if pace.until_eof {
        talk.half_close().await;
    }
    talk.listen(&Wait::patient(pace.patience(), Enough::Bytes(pace.due(line.len(), 1)))).await;
    talk.part(pace.farewell()).await
}
